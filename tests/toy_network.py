"""A small dense network behind the interface that training asks for."""

import torch


class Toy(torch.nn.Module):
    def __init__(self, connectome, n_in, n_out, *, scale=1.0, drop=0.1):
        super().__init__()
        n = connectome.n_pre
        mask = torch.zeros(n, n)
        mask[torch.tensor(connectome.post.astype("int64")), torch.tensor(connectome.pre.astype("int64"))] = 1
        self.register_buffer("mask", mask, persistent=False)
        self.recurrent = torch.nn.Parameter(scale * torch.randn(n, n) / max(1, mask.sum(dim=1).mean()) ** 0.5)
        self.reads, self.answers = torch.nn.Linear(n_in, n), torch.nn.Linear(n, n_out)
        self.drop = torch.nn.Dropout(drop)

    @classmethod
    def from_options(cls, connectome, n_in, n_out, **options):
        return cls(connectome, n_in, n_out, **options)

    def forward(self, inputs, n_steps=None, *, record=None):
        state = inputs.new_zeros(len(inputs), len(self.mask))
        states = []
        for step in range(inputs.shape[1]):
            asked = self.reads(inputs[:, step]) + state @ (self.mask * self.recurrent).T
            state = state + 0.5 * (torch.tanh(asked) - state)
            states.append(state)
        states = torch.stack(states, dim=1)
        outputs = self.answers(self.drop(states))
        return outputs if record is None else (outputs, states)
