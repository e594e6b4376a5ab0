"""Formats that labels travel in; each module without an underscore is one."""
