"""One tree of errors. A message names the bad value, what is allowed, and what to do."""


class AffexionError(Exception):
    """Base of every error a person may see; its text is shown as it is, without a traceback.

    ``change`` names the parts of the request that could be said otherwise (``n_folds``, ``allow_leaks``), by the
    names of the request's fields. The text is right wherever it shows; the command line adds its options for these.
    """

    def __init__(self, text: str = "", *, change: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.change = change


class ConfigError(AffexionError):
    """A setting has a value it can't have, or names something that isn't there."""


class AudioError(AffexionError):
    """A file can't be used as audio: not audio, damaged, too long, or empty."""


class CorpusError(AffexionError):
    """A folder or manifest doesn't have the layout its corpus reader expects."""


class LinkError(AffexionError):
    """A link can't be taken, or what it leads to can't be fetched."""


class LabelError(AffexionError):
    """A label, scheme or label map doesn't fit."""


class StoreError(AffexionError):
    """The workspace or its database can't be read or written, or lacks what was asked for."""


class NotFoundError(StoreError):
    """Something asked for by name or id is not in the workspace."""


class RightsError(AffexionError):
    """A person asks for what their role, or a project's list of raters, doesn't allow."""


class SplitError(AffexionError):
    """A split can't be made, or would leak between its parts."""


class TrainingError(AffexionError):
    """Training can't start or can't go on."""


class ModelError(AffexionError):
    """A run folder or model file can't be used."""


class SynthesisError(AffexionError):
    """A speech provider can't speak what was asked."""


def allowed(choices: object) -> str:
    """List the valid choices for an error message, sorted, as ``a, b or c``."""
    names = [str(choice) for choice in sorted(choices)]  # type: ignore[call-overload]
    if not names:
        return "nothing yet"
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]
