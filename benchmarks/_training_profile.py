"""What an update of the paper's network spends its time on, and what the allocator's setting brings; one thread."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from affexion_core.models.affexion import Config, Model
from affexion_core.training.allocator import keep_freed_memory


class Updates:
    """Updates on one batch of 16 clips of 690 to 760 frames."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.model = Model(Config(), (75,), 4).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.lengths = torch.linspace(690, 760, 16).long()
        self.frames, self.labels = torch.randn(16, 760, 75), torch.randint(4, (16,))

    def one(self) -> float:
        """Do one; give its seconds on the processor."""
        began = time.process_time()
        self.optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(self.model((self.frames,), (self.lengths,)).outputs, self.labels).backward()
        self.optimizer.step()
        return time.process_time() - began


def print_bound(n: int = 5) -> None:
    """Print how fast an LSTM layer computes against a plain matrix product of its size, which bounds it."""
    steps, batch, size, hidden = 700, 16, 192, 128
    frames, weights = torch.randn(steps * batch, size), torch.randn(4 * hidden, size)
    layer, x = nn.LSTM(size, hidden), torch.randn(steps, batch, size, requires_grad=True)
    # Multiplications and additions of input and state with their weights, forwards, and twice that backwards.
    of_layer = 3 * 2 * steps * batch * 4 * hidden * (size + hidden)
    product = _best(lambda: torch.mm(frames, weights.t()), n)
    trained = _best(lambda: layer(x)[0].sum().backward(), n)
    print(f"\nA matrix product: {2 * frames.numel() * 4 * hidden / product / 1e9:.0f} GFLOP/s, the best of {n};")
    print(f"an LSTM layer, forward and backward: {of_layer / trained / 1e9:.0f} GFLOP/s.")


def _best(work: Callable[[], object], n: int) -> float:
    taken = []
    for _ in range(n):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def print_profile(n: int = 3) -> None:
    """Print the seconds of an update with and without the allocator's setting, and its operations' shares with it."""
    updates = Updates()
    updates.one()
    before = [updates.one() for _ in range(n)]
    keep_freed_memory()
    updates.one()
    after = [updates.one() for _ in range(n)]
    for words, values in (("freed memory given back", before), ("freed memory kept", after)):
        print(f"{words}: {statistics.median(values):.2f} s an update ({min(values):.2f}–{max(values):.2f}), n = {n}")
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        updates.one()
    rows = profiled.key_averages()
    total = sum(row.self_cpu_time_total for row in rows)
    print("\n| operation | share of an update |\n|---|---|")
    for row in sorted(rows, key=lambda row: -row.self_cpu_time_total)[:8]:
        print(f"| {row.key} | {100 * row.self_cpu_time_total / total:.0f} % |")
    print_bound()
