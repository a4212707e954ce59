"""What sort of operation a target is: the category that pictures colour by. Without torch.

The last word of a target decides. A word that is listed has its category; any other (a user's `LlamaRMSNorm`, a new
function of torch) has that of the first stem found in it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from graphtools.graph import Node

CATEGORIES = (
    "input", "output", "convolution", "linear", "normalization", "activation", "pooling", "attention", "recurrent",
    "embedding", "dropout", "arithmetic", "reduction", "shape", "indexing", "creation", "loss", "conversion", "state",
    "other",
)  # fmt: skip

# Words in lower case without underscores: `Conv2d`, `conv2d` and `conv_2d` are one.
_LISTED = {
    "convolution": "convtbc im2col col2im",
    "linear": """
        linear lazylinear bilinear matmul mm bmm mv dot vdot vecdot inner outer ger addmm addmv addbmm
        baddbmm addr sspaddmm smm hspmm einsum tensordot chainmatmul multidot kron matrixpower matrixexp
        cross tensorinv inv inverse pinv pinverse solve solveex lstsq cholesky choleskyex choleskyinverse
        choleskysolve qr svd svdvals svdlowrank pcalowrank eig eigvals eigh eigvalsh lu lufactor lufactorex
        lusolve luunpack ldlfactor ldlsolve slogdet logdet det matrixrank lobpcg triangularsolve
        solvetriangular householderproduct orgqr ormqr geqrf invex ldlfactorex spmm groupedmm scaledmm
        scaledgroupedmm scaledaddmm tensorsolve matrixsqrth saddmm dsmm hsmm
    """,
    "normalization": "normalize renorm localresponsenorm spectralnorm weightnorm crossmaplrn2d batchnormstats",
    "activation": """
        threshold relu relu6 rrelu prelu leakyrelu elu celu selu gelu silu mish glu hardtanh hardswish
        hardsigmoid hardshrink softshrink tanhshrink softplus softsign softmax softmax2d softmin logsoftmax
        logsigmoid sigmoid tanh gumbelsoftmax adaptivelogsoftmaxwithloss swiglu geglu reglu swish expit
        clamp clampmin clampmax clip
    """,
    "attention": """
        multiheadattention multiheadattentionforward scaleddotproductattention nativemultiheadattention
        transformer transformerencoder transformerencoderlayer transformerdecoder transformerdecoderlayer
        flexattention
    """,
    "recurrent": "rnn rnntanh rnnrelu rnnbase rnncell rnncellbase rnntanhcell rnnrelucell lstm lstmcell gru grucell",
    "embedding": "embedding embeddingbag embeddingrenorm",
    "dropout": "dropblock2d dropblock3d droppath stochasticdepth bernoulli",
    "arithmetic": """
        add sub subtract rsub mul multiply div divide truedivide truediv floordiv floordivide mod fmod
        remainder pow floatpower neg negative pos positive abs absolute sqrt rsqrt square exp exp2 expm1 log
        log2 log10 log1p logaddexp logaddexp2 sin cos tan asin acos atan atan2 arcsin arccos arctan arctan2
        sinh cosh asinh acosh atanh arcsinh arccosh arctanh sinc sgn sign signbit ceil floor round trunc fix
        frac reciprocal erf erfc erfinv erfcx lgamma digamma polygamma mvlgamma gammaln gammainc gammaincc
        igamma igammac multigammaln psi xlogy xlog1py logit i0 i0e i1 i1e ndtr ndtri logndtr entr zeta
        copysign nextafter hypot ldexp frexp lerp addcmul addcdiv maximum minimum fmax fmin eq ne lt le gt
        ge equal notequal less lessequal greater greaterequal isclose allclose iseq isnan isinf isfinite
        isposinf isneginf isreal nantonum logicaland logicalor logicalxor logicalnot bitwiseand bitwiseor
        bitwisexor bitwisenot bitwiseleftshift bitwiserightshift and or xor not invert lshift rshift deg2rad
        rad2deg heaviside gcd lcm angle conj conjphysical real imag resolveconj resolveneg viewasreal
        viewascomplex polar complex vander fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn
        irfftn hfft ihfft hfft2 ihfft2 hfftn ihfftn fftshift ifftshift fftfreq rfftfreq stft istft iand ior
        ixor besselj0 besselj1 bessely0 bessely1 modifiedbesseli0 modifiedbesseli1 modifiedbesselk0
        modifiedbesselk1 scaledmodifiedbesselk0 scaledmodifiedbesselk1 sphericalbesselj0 airyai gradient
        diff cdist pdist trapezoid trapz cumulativetrapezoid
    """,
    "reduction": """
        sum nansum mean nanmean median nanmedian mode max min amax amin aminmax argmax argmin prod std var
        stdmean varmean norm vectornorm matrixnorm nuclearnorm frobeniusnorm cond all any logsumexp cumsum
        cumprod cummax cummin logcumsumexp countnonzero unique uniqueconsecutive histc histogram histogramdd
        bincount quantile nanquantile cov corrcoef trace dist cosinesimilarity pairwisedistance
        segmentreduce
    """,
    "shape": """
        view viewas reshape reshapeas flatten unflatten ravel permute transpose swapaxes swapdims t adjoint
        mt mh h movedim moveaxis cat concat concatenate stack hstack vstack dstack columnstack rowstack
        chunk split splitwithsizes tensorsplit hsplit vsplit dsplit unbind unsqueeze squeeze expand expandas
        repeat repeatinterleave tile broadcastto broadcasttensors narrow narrowcopy pad constantpadnd roll
        flip fliplr flipud rot90 rotate90 asstrided diag diagonal diagembed diagflat blockdiag tril triu
        atleast1d atleast2d atleast3d pixelshuffle pixelunshuffle channelshuffle nativechannelshuffle
        interpolate upsample upsamplebilinear upsamplenearest upsamplingbilinear2d upsamplingnearest2d
        gridsample affinegrid identity meshgrid cartesianprod combinations resize resizeas size sumtosize
        squeezecopy unfoldcopy sliceinverse unsafechunk unsafesplit unsafesplitwithsizes unfold fold
        slicescatter selectscatter diagonalscatter asstridedscatter crop centercrop nestedtensor padsequence
        unpadsequence packpaddedsequence padpackedsequence packsequence circularpad rename renames alignto
        alignas refinenames viewcopy
    """,
    "indexing": """
        getitem setitem delitem select selectcopy take takealongdim gather scatter scatteradd scatterreduce
        indexselect index indexput indexadd indexcopy indexfill indexreduce indexputimpl maskedfill
        maskedselect maskedscatter where nonzero nonzerostatic argwhere topk sort argsort msort kthvalue
        searchsorted bucketize put isin onehot fill zero filldiagonal copy set getattr unravelindex
        sparsemask
    """,
    "creation": """
        zeros zeroslike ones oneslike empty emptylike emptystrided emptypermuted full fulllike arange range
        linspace logspace eye rand randlike randn randnlike randint randintlike randperm normal uniform
        poisson binomial multinomial geometric cauchy exponential lognormal random tensor astensor asarray
        scalartensor fromnumpy frombuffer trilindices triuindices newtensor newzeros newones newempty
        newfull newemptystrided new hammingwindow hannwindow blackmanwindow bartlettwindow kaiserwindow
        sparsecootensor sparsecsrtensor sparsecsctensor sparsebsrtensor sparsebsctensor
        sparsecompressedtensor
    """,
    "loss": """
        crossentropy nllloss binarycrossentropy binarycrossentropywithlogits kldiv ctcloss
        hingeembeddingloss linearcrossentropy
    """,
    "conversion": """
        to type typeas float double half bfloat16 int long short char byte bool cfloat cdouble chalf cpu
        cuda xpu mtia numpy item tolist todense tosparse tosparsecoo tosparsecsr tosparsecsc tosparsebsr
        tosparsebsc tomkldnn topaddedtensor quantizepertensor quantizeperchannel quantizepertensordynamic
        dequantize quantize intrepr fakequantizepertensoraffine fakequantizeperchannelaffine coalesce
        indices values crowindices colindices ccolindices rowindices complexfloat pinmemory ipu hpu clone
        detach data contiguous aliascopy
    """,
    "input": "input placeholder",
    "output": "output",
    "state": "parameter buffer constant parameterlist parameterdict",
}

# Tried in this order on words that are not listed: `BatchNorm2d`, `MyConvBlock`, `LlamaRMSNorm`.
_STEMS = (
    ("loss", r"loss|crossentropy|criterion"),
    ("dropout", r"dropout|droppath|dropblock"),
    ("convolution", r"conv(?!ert)"),
    ("normalization", r"norm(?!al)|norm2d$"),
    ("pooling", r"pool"),
    ("attention", r"attention|attn$|transformer"),
    ("recurrent", r"lstm|gru(?!n)|rnn(?!t)"),
    ("embedding", r"embed"),
    ("activation", r"relu|gelu|silu|softmax|sigmoid|hardswish|activation|tanh"),
    ("linear", r"linear|matmul"),
    ("arithmetic", r"polynomial"),
    ("shape", r"gridsampler|affinegrid|pad(?:ding)?[1-3]d$|flatten|reshape|shuffle|upsampl|permute|concat|resize"),
)
_CATEGORY = {word: name for name, words in _LISTED.items() for word in words.split()}


@lru_cache(maxsize=4096)
def category(target: str) -> str:
    """The category, one of CATEGORIES, of an operation by its target; "other" if none is known.

    An in-place variant (`relu_`) has the category of the plain one, and so have operators (`__radd__`, `__iadd__`).
    """
    last = target.rsplit(".", 1)[-1]
    word = last.strip("_").lower().replace("_", "")
    if word in _CATEGORY:
        return _CATEGORY[word]
    if word.removesuffix("copy") in _CATEGORY:  # torch.permute_copy and the like
        return _CATEGORY[word.removesuffix("copy")]
    if last.startswith("__") and word[:1] in ("r", "i") and word[1:] in _CATEGORY:  # reflected, in place
        return _CATEGORY[word[1:]]
    return next((name for name, stem in _STEMS if re.search(stem, word)), "other")


def node_category(node: Node) -> str:
    """The category of a node: its operation's, or "input", "output", "state" by its kind."""
    if node.kind == "call":
        return category(node.target)
    return node.kind if node.kind in ("input", "output") else "state"
