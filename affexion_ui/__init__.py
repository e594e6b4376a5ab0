"""What the pages share: session, player, charts, theme."""
