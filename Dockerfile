# The service as one image: `brx-sync api`, `brx-sync worker --queue ...`, `brx-sync migrate`.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/brx-sync
ENV PATH=/opt/brx-sync/bin:$PATH
# The lock without its development half: pip takes its versions as constraints, which carry no hashes.
COPY pyproject.toml requirements.lock ./
RUN sed -e 's/ \\$//' -e '/^ *--hash=/d' requirements.lock > constraints.txt \
    && python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > wanted.txt \
    && pip install --no-cache-dir --constraint constraints.txt --requirement wanted.txt
# What .dockerignore lets through is what the distribution holds.
COPY . .
RUN pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home brx
COPY --from=build /opt/brx-sync /opt/brx-sync
ENV PATH=/opt/brx-sync/bin:$PATH PYTHONUNBUFFERED=1 STAGING_DIR=/tmp/staging
USER 10001
WORKDIR /home/brx
EXPOSE 8000
# For the API; a worker is asked by its orchestrator (docker-compose.yml, deploy/).
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live')"]
ENTRYPOINT ["brx-sync"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]
