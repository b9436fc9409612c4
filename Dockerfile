# medx for a CPU. Every RUN step is run by CI in a scratch folder: docker/rehearse.py.
FROM python:3.11-slim-bookworm AS build
ENV VIRTUAL_ENV=/opt/medx UV_NO_CACHE=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
# `--build-arg UV_TORCH_BACKEND=cpu` takes torch from PyTorch's own index, built without CUDA.
ARG UV_TORCH_BACKEND
WORKDIR /src
RUN pip install --no-cache-dir uv==0.13.9 && python -m venv --without-pip "$VIRTUAL_ENV"

# Dependencies change less often than medx: their layer is kept.
COPY pyproject.toml constraints.txt ./
COPY docker/left-out.txt docker/
# torch loads its cuDNN, but only a GPU makes that load its parts.
RUN uv pip install --constraints constraints.txt --overrides docker/left-out.txt \
      --requirements pyproject.toml \
      --extra clinical --extra dicomweb --extra evaluate --extra explain --extra milvus --extra serve \
    && find "$VIRTUAL_ENV" -name 'libcudnn_*.so*' -delete

COPY README.md LICENSE ./
COPY medx medx/
COPY classify classify/
COPY retrieval retrieval/
COPY reportgen reportgen/
RUN uv pip install --no-deps . \
    && mkdir -p state/cache state/config state/datasets state/indexes state/outputs

FROM python:3.11-slim-bookworm
COPY --from=build /opt/medx /opt/medx
# A named volume takes its owner from the folder it is mounted on.
COPY --from=build --chown=10001:10001 /src/state /var/lib/medx
ENV PATH=/opt/medx/bin:$PATH \
    HOME=/tmp USER=medx MPLCONFIGDIR=/tmp \
    MEDX_DATA_DIR=/data \
    MEDX_CACHE_DIR=/var/lib/medx/cache HF_HOME=/var/lib/medx/cache/huggingface \
    XDG_CONFIG_HOME=/var/lib/medx/config \
    MEDX_INDEX_DIR=/var/lib/medx/indexes MEDX_OUTPUT_DIR=/var/lib/medx/outputs
WORKDIR /var/lib/medx
USER 10001:10001
VOLUME ["/var/lib/medx/cache", "/var/lib/medx/config", "/var/lib/medx/datasets", \
        "/var/lib/medx/indexes", "/var/lib/medx/outputs"]
EXPOSE 8765
# It answers while models load, and needs no token.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8765/health', timeout=4)"]
# Listens on all interfaces, so it stops at once without MEDX_SERVE_TOKEN.
ENTRYPOINT ["medx"]
CMD ["serve", "--host", "0.0.0.0"]
