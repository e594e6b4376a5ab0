"""Why a video can't be fetched: each state has a name, and a sentence that says what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from affexion_core.errors import LinkError


@dataclass(frozen=True)
class State:
    """Why a video didn't come. ``passing`` ones are tried again; ``signs`` tell it from what yt-dlp says."""

    name: str
    text: str
    signs: str = ""
    passing: bool = False


# In this order: of a message with several signs the first state is meant.
_TOLD = (
    State("yt-dlp missing", "yt-dlp, which fetches videos, is not installed; install it with "
          "pip install -r requirements-youtube.txt.", r"No module named '?yt_dlp"),
    State("deleted", "it was taken off YouTube, or never was there; check the link.",
          r"video has been removed|account associated with this video has been terminated|"
          r"video is no longer available|incomplete youtube id|removed by the uploader|"
          r"does not exist|video unavailable(?!.*(country|region|location))(?!.*rate)(?!.*try again)"),
    State("private", "its owner keeps it private; ask them for the recording.", r"private video|video is private"),
    State("blocked here", "it is blocked in the country this machine is in; nothing is done to get around that.",
          r"in your country|geo.?restrict|blocked it (in|on)|from your location|your region"),
    State("rate-limited", "YouTube refuses this machine for having asked too often; wait an hour, then try again.",
          r"http error 429|too many requests|rate.?limit|try again later|not a bot|captcha", passing=True),
    State("age or login", "only people who are logged in or of age may watch it, and Affexion logs in to nothing; "
          "choose another video.",
          r"confirm your age|age.?restricted|inappropriate for some|members.only|join this channel|"
          r"requires payment|sign in|log ?in|registered users"),
    State("live now", "it is live, or begins later; take it when it has ended.",
          r"live event (will|has)|premieres in|premiere will begin|is_live|"
          r"is not currently live|live stream recording"),
    State("unreachable", "YouTube can't be reached from this machine; check the network, then try again.",
          r"failed to resolve|name or service not known|network is unreachable|no route to host|connection refused|"
          r"timed out|connection (was )?reset|connection aborted|getaddrinfo|temporary failure in name|"
          r"remote end closed|unable to connect|http error 50\d|certificate verify failed", passing=True),
    State("JavaScript runtime missing", "fetching needs the JavaScript runtime deno; install it with "
          "pip install -r requirements-youtube.txt.",
          r"no supported javascript runtime|challenge solving failed|only images are available"),
    State("yt-dlp too old", "the installed yt-dlp is too old for this app or for YouTube as it is now; update it with "
          "pip install -U \"yt-dlp[default,deno]\".",
          r"no such option|unsupported version of python|nsig extraction failed|signature extraction failed|"
          r"unable to extract (initial|player|yt)|confirm you are on the latest version"),
    State("no sound", "it has no sound that can be fetched.", r"requested format is not available|drm protected"),
)  # fmt: skip
TOO_LONG = State("too long", "it is longer than is taken")
TOO_LARGE = State("too large", "its sound is a larger file than is taken", r"larger than max-filesize")
STOPPED = State("too slow", "fetching it took too long and was stopped; try again later.")
OTHER = State("not understood", "yt-dlp failed in a way that is not known here; an update of it may help.")
STATES = (*_TOLD, TOO_LONG, TOO_LARGE, STOPPED, OTHER)


class VideoError(LinkError):
    """A video can't be fetched; ``state`` names why, as one of `STATES`."""

    def __init__(self, video: str, state: State, more: str = "") -> None:
        super().__init__(f"The video {video} can't be fetched ({state.name}): {state.text}{more}")
        self.video, self.state = video, state


def state_of(said: str) -> State:
    """Tell from what yt-dlp printed on standard error why a video didn't come; errors count before warnings."""
    lines = said.splitlines()
    errors = "\n".join(line for line in lines if not line.startswith("WARNING"))
    # that no format is left is an error with a reason, which stands in a warning before it
    looked = [(errors, _TOLD[:-1]), (said, (*_TOLD, TOO_LARGE))]
    found = (state for text, states in looked for state in states if re.search(state.signs, text, re.IGNORECASE))
    return next(found, OTHER)
