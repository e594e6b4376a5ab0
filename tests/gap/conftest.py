from collections.abc import Iterator

import pytest
from gap_studies import carry_out, gap_store, small_request


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A store with a finished study: gives the store and what it came to."""
    store = gap_store(tmp_path_factory.mktemp("gap"))
    return store, carry_out(store, small_request(store))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Train with one thread, as jobs do: the number of threads shows in the last digits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
