"""One update of the weights from several batches, where memory holds but a few clips at once."""

from __future__ import annotations

import torch


class Update:
    """Adds up the gradients of ``n_batches`` batches, then moves the weights.

    Each batch counts by its mass, so that sixteen batches of one clip move the weights as one batch of sixteen does,
    label weights included.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, n_batches: int) -> None:
        self.optimizer, self.n_batches = optimizer, n_batches
        self.waiting, self.mass = 0, 0.0
        optimizer.zero_grad(set_to_none=True)

    def learn(self, loss: torch.Tensor, mass: float) -> None:
        """Take in one batch's mean loss; ``mass`` is what that mean was divided by."""
        if self.n_batches == 1:
            loss.backward()
        else:
            (loss * mass).backward()
        self.waiting, self.mass = self.waiting + 1, self.mass + mass
        if self.waiting == self.n_batches:
            self.finish()

    def finish(self) -> None:
        """Move the weights by what has been taken in; nothing if that was done already."""
        if not self.waiting:
            return
        if self.n_batches > 1:
            for group in self.optimizer.param_groups:
                for values in group["params"]:
                    if values.grad is not None:
                        values.grad /= self.mass
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.waiting, self.mass = 0, 0.0
