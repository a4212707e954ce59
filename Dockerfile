# CPU:  docker build -t graphtools .
# CUDA: docker build -t graphtools --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .
# Run:  docker run --rm -p 127.0.0.1:8501:8501 graphtools     (with a GPU: add --gpus all)
FROM python:3.11-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

WORKDIR /graphtools
# The large and slow part first, so that a change of the code does not repeat it.
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" torch torchvision
COPY pyproject.toml requirements.txt README.md ./
COPY graphtools graphtools
RUN pip install --no-cache-dir --requirement requirements.txt
COPY .streamlit .streamlit
COPY examples examples
COPY app app

RUN useradd --create-home user && chown -R user /graphtools
USER user
EXPOSE 8501
# Inside the container it must listen on all its addresses; `-p 127.0.0.1:8501:8501` keeps it on this machine.
CMD ["streamlit", "run", "app/main.py", "--server.address=0.0.0.0", "--server.headless=true"]
