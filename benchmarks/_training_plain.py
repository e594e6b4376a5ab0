"""The paper's network trained by a script as one writes it first: clips padded to 1000 frames, padding seen."""

import torch
from torch import nn
from torch.nn import functional as F

MAX_LEN, N_FEATURES, N_LABELS, BATCH_SIZE = 1000, 75, 4, 16


class Network(nn.Module):
    def __init__(self, packed=False):
        super().__init__()
        self.packed = packed
        self.convs = nn.ModuleList(nn.Conv1d(N_FEATURES, 64, k, padding=k // 2) for k in (3, 5, 7))
        self.norm = nn.BatchNorm1d(192)
        self.lstm = nn.LSTM(192, 128, num_layers=2, bidirectional=True, batch_first=True)
        self.query, self.key, self.value = nn.Linear(256, 256), nn.Linear(256, 256), nn.Linear(256, 256)
        self.dense, self.last = nn.Linear(256, 128), nn.Linear(128, N_LABELS)

    def forward(self, x, lengths):
        x = torch.cat([conv(x.transpose(1, 2)) for conv in self.convs], dim=1)
        x = F.dropout(self.norm(x), 0.2, self.training).transpose(1, 2)
        if self.packed:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            x, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        else:
            x, _ = self.lstm(x)
        attention = torch.softmax(self.query(x) @ self.key(x).transpose(1, 2) / 256**0.5, dim=-1)
        x = (attention @ self.value(x)).mean(dim=1)
        return self.last(F.dropout(F.relu(self.dense(x)), 0.3, self.training))


def padded_dataset(clips, labels):
    """Normalise by channel, cut and pad; all clips as one tensor."""
    frames = torch.cat([torch.from_numpy(clip) for clip in clips])
    mean, std = frames.mean(0), frames.std(0)
    inputs = torch.zeros(len(clips), MAX_LEN, N_FEATURES)
    for row, clip in enumerate(clips):
        inputs[row, : len(clip)] = (torch.from_numpy(clip[:MAX_LEN]) - mean) / std
    lengths = torch.tensor([min(len(clip), MAX_LEN) for clip in clips])
    return torch.utils.data.TensorDataset(inputs, lengths, torch.tensor(labels))


class Training:
    def __init__(self, clips, labels, packed=False):
        torch.manual_seed(0)
        self.model = Network(packed)
        self.loader = torch.utils.data.DataLoader(padded_dataset(clips, labels), BATCH_SIZE, shuffle=True)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 10, 0.5)

    def epoch(self):
        self.model.train()
        for inputs, lengths, labels in self.loader:
            self.update(inputs, lengths, labels)
        self.scheduler.step()

    def update(self, inputs, lengths, labels):
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(inputs, lengths), labels).backward()
        self.optimizer.step()
