"""Hard cases of torch's own layers: whole algorithms behind one call, some with a fast path in eval mode only."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from tests.zoo.case import Case
from tests.zoo.hard import call, collect

CASES: list[Case] = []
hard = functools.partial(collect, CASES)


@hard(lambda: call(torch.randn(2, 5, 8)))
class Lstm(nn.Module):
    """A two-layer LSTM: one operation with twelve parameters as a list, and a tuple in a tuple as output."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6, num_layers=2, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return self.lstm(x)


@hard(lambda: call(torch.randn(5, 2, 8), torch.randn(2, 2, 6)))
class BidirectionalGru(nn.Module):
    """A bidirectional GRU with an initial state, only its last state used."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(8, 6, bidirectional=True), nn.Linear(12, 3)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        _, last = self.gru(x, hidden)
        return self.head(torch.cat(list(last), dim=-1))


@hard(lambda: call(torch.randn(3, 5, 8), torch.tensor([2, 5, 3])), "data-dependent")
class PackedLstm(nn.Module):
    """A bidirectional LSTM with projection on a packed sequence: a named tuple whose batch sizes live on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6, proj_size=4, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, PackedSequence]:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, _ = self.lstm(packed)
        return pad_packed_sequence(out, batch_first=True)[0], out


@hard(lambda: call(torch.randn(5, 2, 8)))
class CellLoop(nn.Module):
    """LSTM cells stepped by hand over `x`: the same parameters in every step, state in a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.start = nn.LSTMCell(8, 6), nn.Parameter(torch.zeros(1, 6))

    def forward(self, x: Tensor) -> Tensor:
        state = (self.start.expand(2, -1), torch.zeros(2, 6))
        hidden = []
        for step in x:
            state = self.cell(step, state)
            hidden.append(state[0])
        return torch.stack(hidden)


@hard(lambda: call(torch.randn(2, 5, 8)))
class MultiheadAttention(nn.Module):
    """Self-attention with weights: in eval mode without gradients a native fast path replaces the Python code."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.attention(x, x, x)


@hard(lambda: call(torch.randn(5, 2, 8), torch.randn(7, 2, 4)))
class CrossAttention(nn.Module):
    """Attention with its own key and value sizes, bias rows, two masks and dropout: never the fast path."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, kdim=4, vdim=4, add_bias_kv=True)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        ignored = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])
        late = torch.ones(5, 7, dtype=torch.bool).triu(3)
        out, _ = self.attention(x, memory, memory, key_padding_mask=ignored, attn_mask=late, need_weights=False)
        return out


@hard(lambda: call(torch.randn(2, 5, 8)))
class TransformerEncoder(nn.Module):
    """Encoder layers: in eval mode without gradients each is one fused operation, unless a function mode is active."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x)


@hard(lambda: call(torch.randn(2, 5, 8)), quiet=("The PyTorch API of nested tensors",))
class NestedTransformerEncoder(nn.Module):
    """A padding mask turns the batch into a nested tensor inside the fused path, and back at the end."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=True)

    def forward(self, x: Tensor) -> Tensor:
        ignored = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
        return self.encoder(x, src_key_padding_mask=ignored).masked_fill(ignored[..., None], 0.0)


@hard(lambda: call(torch.randn(5, 2, 8), torch.randn(4, 2, 8)), quiet=("enable_nested_tensor is True",))
class Transformer(nn.Module):
    """The whole encoder-decoder with a causal mask: deep scopes, dropout in train mode, norm first."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Transformer(8, 2, 1, 1, dim_feedforward=16, norm_first=True)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(4)
        return self.net(source, target, tgt_mask=mask, tgt_is_causal=True)


@hard(lambda: call(torch.randn(2, 4, 6, 8)))
class ScaledDotProduct(nn.Module):
    """The attention kernel by itself: causal, with a mask of floats, and with fewer key heads than query heads."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        query = self.project(x)
        causal = F.scaled_dot_product_attention(query, x, x, is_causal=True)
        masked = F.scaled_dot_product_attention(
            query, x, x, attn_mask=torch.zeros(6, 6).fill_diagonal_(-9.0), scale=0.1
        )
        return causal + masked + F.scaled_dot_product_attention(query, x[:, :2], x[:, :2], enable_gqa=True)


@hard(lambda: call(torch.randn(2, 6, 8), torch.tensor([[1, 2, 1], [3, 1, 2]])))
class CtcLoss(nn.Module):
    """A CTC loss: dynamic programming in one kernel, with lengths as plain tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor, targets: Tensor) -> Tensor:
        scores = self.head(x).log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(scores, targets, (6, 5), (3, 2), zero_infinity=True)


@hard(lambda: call(torch.randn(4, 8)), "data-dependent")
class AdaptiveSoftmax(nn.Module):
    """`nn.AdaptiveLogSoftmaxWithLoss` and `nn.Bilinear`: index arithmetic in Python inside a layer of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.softmax, self.bilinear = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 6], div_value=2), nn.Bilinear(8, 8, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        result = self.softmax(self.bilinear(x, x), torch.tensor([0, 4, 11, 5]))
        return result.loss, self.softmax.log_prob(x)
