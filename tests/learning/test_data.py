"""Data by a name: what each source gives, and what is said of a bad one. Nothing in a file is executed but FILE.py."""

import csv

import numpy
import pytest
import torch
from PIL import Image

from graphtools.errors import LoadError
from graphtools.learning import open_data


def test_the_digits_are_split_by_the_seed():
    data = open_data("digits", test_share=0.25, seed=3)
    assert (len(data.train), len(data.test)) == (1348, 449)
    x, y = data.train[0]
    assert (tuple(x.shape), x.dtype, y.dtype, data.classes) == (
        (1, 8, 8),
        torch.float32,
        torch.int64,
        tuple("0123456789"),
    )
    again, other = open_data("digits", test_share=0.25, seed=3), open_data("digits", test_share=0.25, seed=4)
    assert list(again.train.indices) == list(data.train.indices) != list(other.train.indices)


def test_the_digits_are_those_of_scikit_learn():
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    data = open_data("digits", test_share=0)
    found = load_digits()
    x, y = data.train.tensors
    assert torch.equal(x, torch.tensor(found.images, dtype=torch.float32).unsqueeze(1) / 16)
    assert torch.equal(y, torch.tensor(found.target, dtype=torch.int64))


def test_transforms_are_read_and_not_run():
    data = open_data("digits", transforms=["Resize(16)", "Normalize([0.5], std=[0.5])"])
    assert tuple(data.train[0][0].shape) == (1, 16, 16)
    assert tuple(data.test[0][0].shape) == (1, 16, 16)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Resise(3)", "did you mean 'Resize'"),
        ("Resize(__import__('os').getpid())", "write a name with plain values"),
        ("os.system('x')", "write a name with plain values"),
        ("Resize(", "write a name with plain values"),
        ("Normalize()", "cannot be made"),
    ],
)
def test_a_transform_that_is_none_is_refused(text, words):
    with pytest.raises(LoadError, match=words):
        open_data("digits", transforms=[text])


def test_fake_data_need_no_download():
    data = open_data("torchvision:FakeData")
    assert tuple(data.train[0][0].shape) == (3, 32, 32)


def test_a_dataset_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(LoadError, match=r"was not found in .* Set download = true"):
        open_data("torchvision:MNIST", root=tmp_path)
    with pytest.raises(LoadError, match="did you mean 'MNIST'"):
        open_data("torchvision:MNIS")


def test_a_folder_of_images_has_a_class_for_each_folder(tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = numpy.random.default_rng(number).integers(0, 256, (6, 5, 3), dtype=numpy.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{number}.png")
    data = open_data(f"folder:{tmp_path}")
    assert (len(data.train), len(data.test), data.classes) == (6, 4, ("cat", "dog"))
    x, y = data.train[5]
    assert (tuple(x.shape), y) == ((3, 6, 5), 1)
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    flat = open_data(f"folder:{tmp_path / 'train'}", test_share=0.5)
    assert (len(flat.train), len(flat.test)) == (3, 3)


def test_a_table_of_classes_and_one_of_numbers(tmp_path):
    file = tmp_path / "flowers.csv"
    file.write_text("width,label,height\n1,iris,2\n3,rose,4\n5,iris,6\n7,rose,8\n")
    data = open_data(f"csv:{file}", test_share=0.25)
    assert data.classes == ("iris", "rose")
    assert (len(data.train), len(data.test)) == (3, 1)
    assert {tuple(x.tolist()) for x, _ in data.train} <= {(1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0)}
    file.write_text("a,b\n" + "".join(f"{i},{i / 3}\n" for i in range(30)))
    data = open_data(f"csv:{file}", test_share=0)
    assert data.classes is None
    assert (tuple(data.train[3][1].shape), float(data.train[3][1])) == ((1,), 1.0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_of_a_table_is_found(tmp_path, delimiter):
    rows = [["a", "b, c", "label"], ["1", "2", "red"], ["3", "4", "blue"], ["5", "6", "red"]]
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    data = open_data(str(tmp_path / "table.csv"), test_share=0)
    assert data.classes == ("red", "blue")
    assert [x.tolist() for x, _ in data.train] == [[1, 2], [3, 4], [5, 6]]


def test_a_table_of_one_column_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a|b|label\n1|2|x\n3|4|y\n")
    with pytest.raises(LoadError) as caught:
        open_data(f"csv:{tmp_path / 'a.csv'}")
    assert str(caught.value) == (
        f"{tmp_path / 'a.csv'} has one column, 'a|b|label', and a table needs numbers and a target; its cells may "
        "stand apart by commas, semicolons or tabs"
    )


def test_a_path_alone_says_by_its_ending_what_it_is(tmp_path):
    numpy.savez(tmp_path / "a.npz", x=numpy.ones((10, 4)), y=numpy.arange(10) % 3)
    assert len(open_data(str(tmp_path / "a.npz"), test_share=0).train) == 10
    (tmp_path / "a.tsv").write_text("a\tb\n1\t2\n3\t4\n")
    assert len(open_data(str(tmp_path / "a.tsv"), test_share=0).train) == 2
    with pytest.raises(LoadError, match="is no folder of images"):
        open_data(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n,3\n", "line 3: a is empty"),
        ("a,b\n1,2\nx,3\n", "line 3: a is 'x', no number"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 cells where the header has 2"),
        ("a,b\n", "it needs a header and at least two rows"),
    ],
)
def test_a_table_with_a_mistake_says_its_line(tmp_path, text, words):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(LoadError, match=words):
        open_data(f"csv:{tmp_path / 'bad.csv'}")


def test_arrays(tmp_path):
    numpy.savez(tmp_path / "a.npz", x=numpy.ones((10, 4)), y=numpy.arange(10) % 3)
    data = open_data(f"numpy:{tmp_path / 'a.npz'}")
    assert (data.classes, data.train[0][0].dtype, data.train[0][1].dtype) == (
        ("0", "1", "2"),
        torch.float32,
        torch.int64,
    )


def test_arrays_of_python_objects_are_not_opened(tmp_path):
    numpy.savez(tmp_path / "a.npz", x=numpy.array([print], dtype=object), y=numpy.arange(1))
    with pytest.raises(LoadError, match="without Python objects"):
        open_data(f"numpy:{tmp_path / 'a.npz'}")


OWN = """
import torch
from torch.utils.data import Dataset

class Squares(Dataset):
    classes = ["even", "odd"]

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return torch.tensor([float(index)]), index % 2
"""


def test_a_dataset_of_ones_own(tmp_path):
    file = tmp_path / "dataset_of_mine.py"
    file.write_text(OWN)
    for source in (f"{file}:Squares", str(file)):
        data = open_data(source, test_share=0.2)
        assert (len(data.train), len(data.test), data.classes) == (8, 2, ("even", "odd"))
    with pytest.raises(LoadError, match="has no Cubes; it has Squares"):
        open_data(f"{file}:Cubes")


@pytest.mark.parametrize("source", ["", "digit", "folder:/nowhere", "csv:/nowhere.csv", "numpy:/nowhere.npz"])
def test_data_that_are_not_there_are_told(source):
    with pytest.raises(LoadError):
        open_data(source)


def test_a_table_without_a_header_keeps_its_first_row(tmp_path):
    (tmp_path / "bare.csv").write_text("0.5,1.5,yes\n1,2,no\n3,4,yes\n")
    data = open_data(f"csv:{tmp_path / 'bare.csv'}", test_share=0)
    x, y = data.train.tensors
    assert x.tolist() == [[0.5, 1.5], [1, 2], [3, 4]]
    assert [data.classes[index] for index in y] == ["yes", "no", "yes"]
    assert data.note.endswith("bare.csv: 3 rows, 2 classes of column 3")
    (tmp_path / "bare.csv").write_text("0.5,1\n1,2\n3\n")
    with pytest.raises(LoadError, match="line 3"):
        open_data(f"csv:{tmp_path / 'bare.csv'}")


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / kind / "one.png")
    (tmp_path / "dog" / "two.png").write_bytes(b"no image")
    data = open_data(f"folder:{tmp_path}", test_share=0)
    with pytest.raises(LoadError, match=r"two\.png cannot be read as an image: repair it or take it away"):
        data.train[2]
