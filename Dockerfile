# steadypose on a CPU.
#   docker build -t steadypose . && docker run --rm --device /dev/video0 -v "$PWD/out:/out" steadypose --headless --csv /out/me.csv
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /steadypose
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
ENTRYPOINT ["python", "run.py"]
