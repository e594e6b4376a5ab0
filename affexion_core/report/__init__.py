"""Reports: a run or a study as one file that opens offline, with figures, tables, settings, datasheets and limits."""
