# steadypose on a CPU. Recordings land in ./out and are yours; Ctrl-C or `docker stop` ends them whole.
#   docker build -t steadypose . && mkdir -p out
#   docker run --rm --device /dev/video0 --group-add "$(stat -c %g /dev/video0)" --user "$(id -u):$(id -g)" \
#       -v "$PWD/out:/out" steadypose --headless --csv /out/me.csv
# EXTRA: what pip installs besides, --build-arg EXTRA="-r requirements-live.txt" for one.
FROM python:3.12-slim
ARG EXTRA=""
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /steadypose
COPY requirements*.txt ./
RUN pip install --no-cache-dir -r requirements.txt ${EXTRA}
COPY . .
ENTRYPOINT ["python", "run.py"]
