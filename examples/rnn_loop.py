"""A loop whose length depends on the data

A recurrent cell runs once for each character of a word, up to the character that ends it: how often is known only when
the model runs. Tracing ahead cannot say how long the graph is; a recording shows the loop that took place, one call of
`cell` after another: cell, cell#1, cell#2, ...
"""

import torch
from torch import nn

import graphtools as gt

END = 0


class Reader(nn.Module):
    """Character codes [length] → a score for each of two classes [2]; reads until the code END."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(27, 8)
        self.cell = nn.GRUCell(8, 16)
        self.score = nn.Linear(16, 2)

    def forward(self, word: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(1, 16)
        for code in word:
            if code.item() == END:
                break
            state = self.cell(self.letters(code).unsqueeze(0), state)
        return self.score(state).squeeze(0)


def build_model() -> Reader:
    torch.manual_seed(0)
    return Reader()


example_input = torch.tensor([7, 18, 1, 16, 8, END, END, END])


if __name__ == "__main__":
    model = build_model()
    recording = gt.run(model, example_input)
    print(recording)
    longer = gt.run(model, torch.tensor([20, 15, 15, 12, 19, 5, 20, END]))
    print(f"{len(recording)} operations for a word of 5 letters, {len(longer)} for one of 7")
