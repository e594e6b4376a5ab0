"""Who may do what: people of the workspace, their roles, and what each role allows."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection

from affexion_core.errors import ConfigError, NotFoundError, RightsError, StoreError, allowed
from affexion_core.store.people import (
    Person,
    count_role,
    find_person,
    find_person_by_email,
    insert_person,
    lock_people,
    people,
    require_person,
    update_role,
)
from affexion_core.store.session import Store, reading, writing

# from the fewest rights to the most
ROLES = ("viewer", "rater", "adjudicator", "owner")
ACTIONS = (
    *("view", "label", "import", "adjudicate", "export", "train", "edit datasets", "delete runs"),
    *("manage projects", "manage people", "delete datasets", "take down"),
)
RIGHTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "viewer": frozenset({"view"}),
        "rater": frozenset({"view", "label", "import"}),
        "adjudicator": frozenset(
            {"view", "label", "import", "adjudicate", "export", "train", "edit datasets", "delete runs"}
        ),
        "owner": frozenset(ACTIONS),
    }
)
_DOING = {
    "view": "looking at clips and results",
    "label": "labelling",
    "import": "importing",
    "adjudicate": "adjudicating",
    "export": "exporting",
    "train": "training",
    "edit datasets": "editing datasheets",
    "delete runs": "deleting runs",
    "manage projects": "managing projects",
    "manage people": "managing people",
    "delete datasets": "deleting datasets",
    "take down": "taking clips down",
}
MAX_NAME = 80


def may(person: Person, action: str) -> bool:
    """Tell whether a person's role allows an action, one of `ACTIONS`.

    Raises
    ------
    ConfigError
        If there is no such action.
    """
    if action not in ACTIONS:
        raise ConfigError(f"There is no action {action!r}; choose {allowed(ACTIONS)}.")
    return action in RIGHTS[person.role]


def require(person: Person, action: str) -> None:
    """Refuse an action that a person's role doesn't allow.

    Raises
    ------
    RightsError
        Naming the roles that do.
    """
    if not may(person, action):
        roles = allowed(role for role in ROLES if action in RIGHTS[role])
        raise RightsError(
            f"{person.name} is {_with_article(person.role)}; {_DOING[action]} needs the role {roles}, "
            "which an owner can give."
        )


def require_now(connection: Connection, person: Person, action: str) -> Person:
    """Refuse an action by the role a person has in the database now, and give them as they are there.

    Raises
    ------
    RightsError
        Also if they aren't among the people of the workspace.
    """
    there = find_person(connection, person.name)
    if there is None:
        raise RightsError(f"{person.name} isn't among the people of this workspace; an owner can add them.")
    require(there, action)
    return there


def require_for(store: Store, by: Person | None, action: str) -> None:
    """Refuse an action by the role a person has now; None is somebody at the machine itself, who may all.

    Raises
    ------
    RightsError
        Naming the roles that do, or that they aren't among the people of the workspace.
    """
    if by is not None:
        with reading(store) as connection:
            require_now(connection, by, action)


def add_person(
    store: Store, name: str, role: str = "rater", email: str | None = None, by: Person | None = None
) -> Person:
    """Add somebody. The first person of a workspace becomes its owner, whatever role was asked.

    Parameters
    ----------
    store
        The open store.
    name
        Their name, as it stands with their judgements: up to 80 characters, no ``:`` (corpora bring raters of such
        names), not an existing name in other letters.
    role
        One of `ROLES`.
    email
        For signing in by a mail address; kept in small letters.
    by
        Who adds them. Roles above rater need an owner; None adds raters and viewers only.

    Raises
    ------
    ConfigError
        If name, role or address can't be used.
    RightsError
        If ``by`` may not give the role.
    StoreError
        If the name or address is taken.
    """
    _check_role(role)
    made = Person(_checked_name(name), role, _checked_email(email))
    with writing(store) as connection:
        lock_people(connection)
        there = people(connection)
        if not there:
            made = Person(made.name, "owner", made.email)
        elif ROLES.index(role) > ROLES.index("rater"):
            _require_owner(connection, by, role)
        _check_free(there, made)
        insert_person(connection, made)
    return made


def _require_owner(connection: Connection, by: Person | None, role: str) -> None:
    if by is None:
        raise RightsError(f"Only an owner can add {_with_article(role)}; ask one.")
    require_now(connection, by, "manage people")


def get_person(store: Store, name: str) -> Person:
    """Get somebody by name; `NotFoundError` lists the people there are."""
    with reading(store) as connection:
        return require_person(connection, name)


def person_by_email(store: Store, email: str) -> Person:
    """Get somebody by mail address, whatever its case.

    Raises
    ------
    NotFoundError
        If nobody has it.
    """
    with reading(store) as connection:
        found = find_person_by_email(connection, email.strip().lower())
    if found is None:
        raise NotFoundError(f"Nobody in the workspace has the address {email!r}; an owner can add them.")
    return found


def list_people(store: Store) -> tuple[Person, ...]:
    """List the people of the workspace by name."""
    with reading(store) as connection:
        return people(connection)


def set_role(store: Store, by: Person, name: str, role: str) -> Person:
    """Give somebody another role.

    Raises
    ------
    ConfigError
        If there is no such role.
    RightsError
        If ``by`` is no owner now, or the last owner would lose the role.
    NotFoundError
        If there is nobody of that name.
    """
    _check_role(role)
    with writing(store) as connection:
        lock_people(connection)
        require_now(connection, by, "manage people")
        there = require_person(connection, name)
        if there.role == "owner" != role and count_role(connection, "owner") == 1:
            raise RightsError(f"{name} is the only owner; make somebody else an owner first.")
        update_role(connection, name, role)
    return Person(name, role, there.email)


def _with_article(role: str) -> str:
    return f"an {role}" if role[0] in "ao" else f"a {role}"


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ConfigError(f"There is no role {role!r}; choose {allowed(ROLES)}.", change=("role",))


def _checked_name(name: str) -> str:
    clean = unicodedata.normalize("NFC", " ".join(name.split()))
    if not clean or len(clean) > MAX_NAME or ":" in clean or not clean.isprintable():
        raise ConfigError(
            f"The name {name[:MAX_NAME]!r} can't be used; it needs 1 to {MAX_NAME} printable characters, none a colon.",
            change=("name",),
        )
    return clean


def _checked_email(email: str | None) -> str | None:
    if email is None or not email.strip():
        return None
    clean = email.strip().lower()
    before, at, after = clean.partition("@")
    if not (before and at and after) or not clean.isprintable() or " " in clean or "@" in after:
        raise ConfigError(f"{email!r} is no mail address; write it as name@example.org.", change=("email",))
    return clean


def _check_free(there: tuple[Person, ...], made: Person) -> None:
    same = next((person.name for person in there if person.name.casefold() == made.name.casefold()), None)
    if same is not None:
        raise StoreError(f"There is somebody called {same!r} already; choose another name.", change=("name",))
    holder = next((person.name for person in there if made.email is not None and person.email == made.email), None)
    if holder is not None:
        raise StoreError(f"The address {made.email} belongs to {holder!r} already; use another.", change=("email",))
