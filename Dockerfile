# A GPU box: docker build -t asg . && docker run --gpus all --ipc=host -v /path/to/sets:/data -v /path/to/runs:/runs asg
# --ipc=host (or --shm-size=32g): processes that read audio pass it on through /dev/shm, of which a container has 64 MB.
# Not built on the machine that this study was written on; PyTorch's wheels bring CUDA with them.
FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /study
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN pip install --no-cache-dir --no-deps -e .
ENV ASG_DATA=/data ASG_RUNS=/runs
ENTRYPOINT ["python", "-m", "asglib"]
CMD ["doctor"]
