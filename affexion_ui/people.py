"""Who is at work: a name picked on this machine, or the person who logged in.

With ``[auth]`` in Streamlit's secrets everybody logs in, and the mail address tells who it is. Without it, the app is
for people at this machine, who say their name. It stands in the address of the page, so that two tabs can belong to two
people, and in a cookie, so that a new tab knows it. An address handed on names nobody in a browser where that name was
never picked.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from affexion_core.errors import AffexionError, NotFoundError, StoreError
from affexion_ui.layout import show_error
from affexion_ui.session import current_store
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.store.session import Store

PARAMETER = "rater"
_HELD = "person"
_ASKED = "person-asked"
_ERROR = "person-error"
_MOST_NAMES = 12
_FRESH = 15.0  # s between two counts of the clips that wait
_YEAR = 365 * 24 * 3600
_OTHER_ROLES = "An owner can give you another role on the page Annotate, under Projects."

_cookie = st.components.v2.component(
    "affexion_cookie",
    js="""
export default function ({ data }) {
  document.cookie = `${data.name}=${data.value}; path=/; max-age=${data.seconds}; samesite=lax`;
}
""",
)


def login_is_set_up() -> bool:
    """Say whether the secrets name a way to log in."""
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError:
        return False


def require_login() -> None:
    """Where logging in is set up, end the run of the page with a button for it until somebody has."""
    if not login_is_set_up() or st.user.is_logged_in:
        return
    with st.container(border=True, horizontal_alignment="center"):
        st.space("small")
        st.markdown("**Log in to go on**", width="content")
        st.caption("This workspace is for people who are known to it.", width="content")
        st.button("Log in", type="primary", icon=":material/login:", on_click=st.login, key="log-in")
        st.space("small")
    st.stop()


def current_person(store: Store) -> Person | None:
    """Give the person who is at work; None until a name was picked.

    Raises
    ------
    StoreError
        If the login gives no mail address to know somebody by.
    """
    if login_is_set_up():
        return _logged_in(store)
    from affexion_core.labeling.people import get_person

    for name in _candidates(store):
        try:
            person = get_person(store, name)
        except NotFoundError:
            continue
        st.session_state[_HELD] = person.name
        return person
    return None


def _candidates(store: Store) -> list[str]:
    """Names under which this session may go on: picked in it, in the page's address, in this browser."""
    held = st.session_state.get(_HELD)
    if held is not None:
        return [held]
    picked = _picked_here(store)
    asked = st.query_params.get(PARAMETER)
    return [name for name in (asked, *picked) if name in picked]


def _picked_here(store: Store) -> list[str]:
    """Names picked in this browser, the last one first."""
    kept = st.context.cookies.get(cookie_name(store))
    try:
        found = json.loads(unquote(kept)) if isinstance(kept, str) else []
    except ValueError:
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def cookie_name(store: Store) -> str:
    """Name the cookie in which a browser remembers who picked their names in a workspace."""
    # browsers tell cookies apart by host alone: two workspaces on two ports would share one
    return "affexion-" + hashlib.sha256(str(store.workspace.root).encode()).hexdigest()[:12]


def _logged_in(store: Store) -> Person:
    """Find who logged in; somebody new may look and nothing else, until an owner gives a role."""
    from affexion_core.labeling.people import add_person, person_by_email

    email = st.user.get("email")
    if not isinstance(email, str) or not email or st.user.get("email_verified") is False:
        raise StoreError("Your login comes without a confirmed mail address, so it can't be told who you are.")
    try:
        return person_by_email(store, email)
    except NotFoundError:
        name = str(st.user.get("name") or email.partition("@")[0]).replace(":", " ")
    try:
        return add_person(store, name, role="viewer", email=email)
    except StoreError:  # somebody else has the name, or another tab added this person just now
        try:
            return person_by_email(store, email)
        except NotFoundError:
            return add_person(store, email, role="viewer", email=email)


def show_person() -> None:
    """Show in the sidebar who is at work, small, with a way to change it, and remember it in this browser."""
    store = current_store()
    person = current_person(store)
    with st.sidebar:
        if person is None:
            st.caption(":material/person: Nobody has said a name yet", help="The page Annotate asks for it.")
            return
        title = f":material/person: **{escape_markdown(person.name)}** · {person.role}"
        if login_is_set_up():
            st.caption(title)
            st.button("Log out", type="tertiary", on_click=st.logout, key="log-out")
        else:
            with st.popover(title, type="tertiary", key="person-change"):
                ask_person(store, person)
        _show_waiting(store, person)
    if not login_is_set_up():
        _remember(store, person)


def _show_waiting(store: Store, person: Person) -> None:
    """Say how many clips wait for a person, and keep it up to date."""

    @st.fragment(run_every=_FRESH)
    def waiting() -> None:
        n = clips_waiting(store, person)
        if n:
            verb = "waits" if n == 1 else "wait"
            st.caption(f":material/headphones: **{counted(n, 'clip')}** {verb} for you")

    waiting()


def _remember(store: Store, person: Person) -> None:
    names = [person.name, *(name for name in _picked_here(store) if name != person.name)][:_MOST_NAMES]
    value = quote(json.dumps(names))
    with st.sidebar:
        _cookie(key="person-cookie", data={"name": cookie_name(store), "value": value, "seconds": _YEAR}, height=1)


def ask_person(store: Store, person: Person | None = None) -> None:
    """Let somebody pick their name or add it."""
    from affexion_core.labeling.people import list_people

    known = [one.name for one in list_people(store)]
    others = [name for name in known if person is None or name != person.name]
    with st.container(horizontal=True, gap="small"):
        for name in others:
            st.button(name, icon=":material/person:", on_click=be, args=(name,), key=f"{_ASKED}-{name}")
    first = " The first person of a workspace becomes its owner." if not known else ""
    form = st.form(f"{_ASKED}-form", border=False)
    with form, st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Not listed? Add your name" if others else "Your name",
            key=f"{_ASKED}-new",
            placeholder="Anna",
            max_chars=80,
            width=240,
            help=f"It stands with every judgement of yours.{first}",
        )
        st.form_submit_button("Add and start", on_click=_add, args=(store,))
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)


def _add(store: Store) -> None:
    from affexion_core.labeling.people import add_person

    try:
        be(add_person(store, st.session_state.get(f"{_ASKED}-new") or "").name)
    except AffexionError as error:
        st.session_state[_ERROR] = error


def be(name: str) -> None:
    """Go on as somebody; a callback."""
    st.session_state[_HELD] = name


def keep_in_address(person: Person) -> None:
    """Write who is at work into the page's address, so that a reload of this tab stays theirs."""
    if not login_is_set_up() and st.query_params.get(PARAMETER) != person.name:
        st.query_params[PARAMETER] = person.name


def clips_waiting(store: Store, person: Person) -> int:
    """Count the clips that open projects have for a person."""
    from affexion_core.labeling.people import may
    from affexion_core.labeling.projects import list_projects
    from affexion_core.labeling.queue import progress

    if not may(person, "label"):
        return 0
    open_ones = [summary.project for summary in list_projects(store) if summary.project.state == "open"]
    mine = [project for project in open_ones if not project.raters or person.name in project.raters]
    return sum(progress(store, project.name, person).left for project in mine)
