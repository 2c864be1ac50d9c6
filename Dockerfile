FROM python:3.11-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends zip \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

# What changes least comes first. Without PHOTOS_DIR the demo album is served.
COPY demo demo
COPY config config
COPY backends backends
COPY tornado_archiver tornado_archiver
COPY server.py ./
# Readable by any user, whatever the checkout's umask was; compiled now, as a read-only container cannot do it later.
RUN chmod -R a+rX . && python -m compileall -q .

# All addresses of the container: from outside, only what is published can be reached.
ENV ARCHIVER_HOST=0.0.0.0
EXPOSE 7777
USER 10001:10001

# Not by urllib, which would ask the proxy that http_proxy names. Follows PORT, but not a --port flag.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client, os; visitor = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 7777), timeout=2); visitor.request('GET', '/healthz'); exit(visitor.getresponse().status != 200)"]

# Without a shell in between, so that SIGTERM reaches python; arguments of `docker run` are added as flags.
ENTRYPOINT ["python", "server.py"]
