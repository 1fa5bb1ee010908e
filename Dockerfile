# Two images from one file: `services` (every server but the engine, and the `soban` command) and `engine` (llama.cpp
# and the bundled model). `make images` builds both; docs/images.md tells how, also where no registry can be reached.
#
# `make wheels` has put what is installed into build/wheels, with a list of hashes for each image; no package index is
# asked in here. BASE needs Python of the version that the wheels are for. Where it lacks GNU OpenMP, as python:slim
# does, apt brings that one package for the engine.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
ARG SOURCE_DATE_EPOCH=0
COPY build/wheels /wheels
COPY tools/images /tools

FROM build AS services-files
RUN python3 /tools/install.py services

FROM build AS engine-files
RUN python3 /tools/install.py engine

FROM ${BASE} AS runtime
ARG VERSION=0 REVISION=unknown CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Soban" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
# The root is read-only in the chart: /tmp is what can be written. Bytecode is compiled already.
ENV PATH=/opt/soban/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001

FROM runtime AS services
LABEL org.opencontainers.image.description="Gateway, tokenization, safety, generation and scaler of Soban"
COPY --from=services-files /opt/soban /opt/soban
CMD ["soban", "--help"]

FROM runtime AS engine
LABEL org.opencontainers.image.description="llama.cpp as Soban runs it, with the bundled demo model"
COPY --from=engine-files /opt/soban /opt/soban
ENV LD_LIBRARY_PATH=/opt/soban/lib
EXPOSE 8000
CMD ["python", "-m", "soban.generation.engine_pod", "--help"]
