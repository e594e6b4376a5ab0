"""From files to clips in the library."""
