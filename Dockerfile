FROM python:3.11-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends zip \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

# The files that change least come first, so that layers are reused. Without PHOTOS_DIR the demo album is served
# (tornado_archiver/demo is a link to it).
COPY demo demo
COPY config config
COPY backends backends
COPY tornado_archiver tornado_archiver
COPY server.py ./
# Readable by any user, independent of the checkout's umask. Compiled now, because a read-only container cannot do it.
RUN chmod -R a+rX . && python -m compileall -q .

# All addresses of the container; only published ports are reachable from outside.
ENV ARCHIVER_HOST=0.0.0.0
EXPOSE 7777
USER 10001:10001

# Reads the settings of the environment, but not a --port flag. Without --start-interval, because engines before 25
# (Debian 12 has 20.10) reject it: the container is healthy after the first ten seconds.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["config/docker-healthcheck"]

# No shell, so that SIGTERM reaches python. Arguments of `docker run` are appended as flags.
ENTRYPOINT ["python", "server.py"]

# The last layer, so that another revision reuses the others. tests/test_versions.py compares the version.
ARG REVISION=""
LABEL org.opencontainers.image.title="Tornado Archiver" \
      org.opencontainers.image.description="Streams a directory of files as an archive that is packed while it is sent" \
      org.opencontainers.image.version="1.0.0" \
      org.opencontainers.image.revision="$REVISION"
