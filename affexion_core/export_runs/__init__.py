"""Exporters of runs to other experiment trackers, one file each: ``export(run: ExportedRun, into: str) -> Exported``.

``LABEL`` is the tracker's name in words and ``BESIDE`` the folder below the workspace's exports that it takes if nobody
names another. An exporter's libraries are extras: they load inside its functions; `ConfigError` says what to install.
"""
