"""From judgements to labels: who judges what, how far raters agree, and what counts in the end."""
