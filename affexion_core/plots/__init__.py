"""From data to Plotly figures."""
