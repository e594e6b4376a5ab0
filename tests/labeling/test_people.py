import threading

import pytest

from affexion_core.errors import ConfigError, NotFoundError, RightsError, StoreError
from affexion_core.labeling.people import (
    ACTIONS,
    RIGHTS,
    ROLES,
    add_person,
    get_person,
    list_people,
    may,
    person_by_email,
    require,
    set_role,
)
from affexion_core.store.people import Person
from affexion_core.store.session import Store


def test_the_first_person_becomes_the_owner(store: Store) -> None:
    assert add_person(store, "Anna", "viewer") == Person("Anna", "owner")
    assert add_person(store, "  Ben  van  Dam ", email=" Ben@Example.ORG ") == Person(
        "Ben van Dam", "rater", "ben@example.org"
    )
    assert [person.name for person in list_people(store)] == ["Anna", "Ben van Dam"]
    assert get_person(store, "Ben van Dam") == person_by_email(store, "BEN@example.org")


def test_of_twenty_who_come_first_one_becomes_the_owner(store: Store) -> None:
    threads = [threading.Thread(target=add_person, args=(store, f"p{i}")) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(person.role for person in list_people(store)) == ["owner"] + ["rater"] * 19


def test_only_an_owner_gives_roles_above_rater(store: Store) -> None:
    anna = add_person(store, "Anna")
    ben = add_person(store, "Ben")
    add_person(store, "Cleo", "viewer")
    with pytest.raises(RightsError, match="Only an owner can add an adjudicator; ask one"):
        add_person(store, "Dora", "adjudicator")
    with pytest.raises(RightsError, match="Ben is a rater; managing people needs the role owner, which an owner"):
        add_person(store, "Dora", "owner", by=ben)
    assert add_person(store, "Dora", "adjudicator", by=anna).role == "adjudicator"
    with pytest.raises(RightsError, match="Ben is a rater"):
        set_role(store, ben, "Ben", "owner")
    assert set_role(store, anna, "Ben", "owner") == Person("Ben", "owner")
    # what a page still holds of somebody is no right
    set_role(store, anna, "Ben", "rater")
    with pytest.raises(RightsError, match="Ben is a rater"):
        set_role(store, Person("Ben", "owner"), "Ben", "owner")
    with pytest.raises(RightsError, match="Eve isn't among the people of this workspace; an owner can add them"):
        set_role(store, Person("Eve", "owner"), "Ben", "owner")


def test_the_last_owner_stays(store: Store) -> None:
    anna = add_person(store, "Anna")
    with pytest.raises(RightsError, match="Anna is the only owner; make somebody else an owner first"):
        set_role(store, anna, "Anna", "rater")
    add_person(store, "Ben", "owner", by=anna)
    assert set_role(store, anna, "Anna", "rater").role == "rater"


@pytest.mark.parametrize("name", ["", "  ", "corpus:demo", "x" * 81, "a\x07b", "\u202eb"])
def test_names_that_would_confuse_are_refused(store: Store, name: str) -> None:
    with pytest.raises(ConfigError, match="can't be used; it needs 1 to 80 printable characters, none a colon"):
        add_person(store, name)
    assert list_people(store) == ()


def test_nobody_is_there_twice(store: Store) -> None:
    add_person(store, "Anna", email="a@b.org")
    with pytest.raises(StoreError, match="There is somebody called 'Anna' already"):
        add_person(store, "anna")
    with pytest.raises(StoreError, match="The address a@b.org belongs to 'Anna' already"):
        add_person(store, "Ben", email="A@b.org")
    for address in ("ben", "ben@", "@b.org", "a b@c.org", "a@b@c"):
        with pytest.raises(ConfigError, match="is no mail address; write it as name@example.org"):
            add_person(store, "Ben", email=address)
    assert add_person(store, "Ben", email=" ").email is None
    with pytest.raises(NotFoundError, match="Nobody in the workspace has the address 'x@y.org'"):
        person_by_email(store, "x@y.org")
    with pytest.raises(NotFoundError, match="nobody called 'Cleo' in the workspace; choose Anna or Ben"):
        get_person(store, "Cleo")
    with pytest.raises(ConfigError, match="no role 'boss'; choose adjudicator, owner, rater or viewer"):
        add_person(store, "Cleo", "boss")


OWNERS_ALONE = ("manage projects", "manage people", "delete datasets", "take down")


def test_the_table_of_rights() -> None:
    allowed = {role: [action for action in ACTIONS if may(Person("P", role), action)] for role in ROLES}
    assert allowed == {
        "viewer": ["view"],
        "rater": ["view", "label", "import"],
        "adjudicator": [a for a in ACTIONS if a not in OWNERS_ALONE],
        "owner": list(ACTIONS),
    }
    for lower, higher in zip(ROLES, ROLES[1:], strict=False):
        assert RIGHTS[lower] < RIGHTS[higher]
    with pytest.raises(RightsError) as refused:
        require(Person("Anna", "rater"), "adjudicate")
    assert str(refused.value) == (
        "Anna is a rater; adjudicating needs the role adjudicator or owner, which an owner can give."
    )
    with pytest.raises(RightsError, match="Ada is an adjudicator; managing people"):
        require(Person("Ada", "adjudicator"), "manage people")
    with pytest.raises(ConfigError, match="no action 'fly'"):
        require(Person("Anna", "owner"), "fly")
