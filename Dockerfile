# minigrad, built from this folder:
#   docker build --tag minigrad . && docker run --rm -it minigrad
#   docker run --rm minigrad python examples/mnist_cnn.py --epochs 1
FROM python:3.13-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir /wheels/*.whl \
    && useradd --create-home student
USER student
WORKDIR /home/student
COPY examples examples
CMD ["python"]
