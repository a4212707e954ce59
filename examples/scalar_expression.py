"""A scalar expression: (a * b + c) ** 2

The smallest graph there is: three inputs, three operations, one output. Each operation is a node and each value that
one hands to the next is an edge. The model is a plain function; nothing here needs a torch.nn.Module.
"""

import torch

import graphtools as gt


def model(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    product = a * b
    total = product + c
    return total**2


example_input = (torch.tensor(2.0), torch.tensor(3.0), torch.tensor(-1.0))


if __name__ == "__main__":
    recording = gt.run(model, *example_input)
    for event in recording.events:
        print(f"{event.node:<6} = {recording.value(event.node).item():>5}   {event.source}")
