"""Deployments, Services and what is derived for them."""

from __future__ import annotations

import re

import pytest

from chart.helm import Chart
from chart.objects import env_of

DEMO = {"url": "bundled:soban-demo"}
VLLM = {"url": "hf://skt/A.X-4.0-Light", "engine": "vllm", "resourceProfile": "nvidia-l4"}
DIGEST = f"sha256:{'a' * 64}"
PORTS = {"gateway": 50051, "tokenization": 50061, "safety": 50062, "generation": 50063, "scaler": 50064}


@pytest.mark.parametrize(("longest", "sleep"), [(600, 10), (30, 5), (3600, 15)])
def test_grace_follows_from_the_longest_stream(chart: Chart, longest: int, sleep: int) -> None:
    """Sleep, then the longest stream, then a margin; and the servers are told the same number."""
    objects = chart.render({"longestStreamSeconds": longest, "preStopSeconds": sleep})
    # Engines are found by endpoints and not by DNS, so that five seconds are enough for them.
    for name, slept in (("soban-gateway", sleep), ("soban-generation", sleep), ("soban-engine-soban-demo", 5)):
        spec = objects.pod(name).spec
        assert longest + sleep < spec["terminationGracePeriodSeconds"] <= longest + sleep + 60
        assert objects.container(name)["lifecycle"] == {"preStop": {"sleep": {"seconds": slept}}}
    command = objects.container("soban-engine-soban-demo")["command"]
    assert command[command.index("--grace") + 1] == str(longest)
    assert objects.config().count(f"longestStreamSeconds: {longest}\n") == len(PORTS)


def test_startup_is_given_the_time_that_an_engine_takes(chart: Chart) -> None:
    """Failures times period are at least what the engine's values say."""
    objects = chart.render({"models": {"ko": VLLM}, "engines": {"vllm": {"startupSeconds": 1200}}})
    probe = objects.container("soban-engine-ko")["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] >= 1200
    assert objects.one("Deployment", "soban-engine-ko")["spec"]["progressDeadlineSeconds"] > 1200


@pytest.mark.parametrize("name", PORTS)
def test_services_have_the_ports_of_one_machine(chart: Chart, name: str) -> None:
    """Metrics are 1000 above gRPC; gRPC is told to be HTTP/2."""
    spec = chart.render().one("Service", f"soban-{name}")["spec"]
    ports = {port["name"]: port for port in spec["ports"]}
    assert ports["grpc"]["port"] == PORTS[name]
    assert ports["grpc"]["appProtocol"] == "kubernetes.io/h2c"
    assert ports["metrics"]["port"] == PORTS[name] + 1000
    assert ("http" in ports) == (name == "gateway")


@pytest.mark.parametrize("name", ["tokenization", "safety", "generation"])
def test_callers_see_every_pod(chart: Chart, name: str) -> None:
    """Headless: one address would pin a connection to one pod."""
    assert chart.render().one("Service", f"soban-{name}")["spec"]["clusterIP"] == "None"


def test_selectors_find_the_pods_of_their_own_release(chart: Chart) -> None:
    """Each Service and Deployment selects labels that exactly its own pods have."""
    objects = chart.render({"models": {"ko-1": DEMO, "ko-2": DEMO}})
    pods = {pod.owner: pod.metadata["labels"] for pod in objects.pods()}
    for name, service in objects.of("Service").items():
        selector = service["spec"]["selector"]
        assert selector["app.kubernetes.io/instance"] == "soban"
        found = [owner for owner, labels in pods.items() if selector.items() <= labels.items()]
        assert found == [f"Deployment/{name}"]


@pytest.mark.parametrize(
    ("release", "prefix"),
    [("soban", "soban"), ("my-soban", "my-soban"), ("prod", "prod-soban"), ("r" * 53, None)],
)
def test_names_begin_with_the_release(chart: Chart, release: str, prefix: str | None) -> None:
    """And fit into what Kubernetes allows, labels and pods' suffixes included."""
    objects = chart.render({"models": {"a-model-with-quite-a-long-name-for-a-label": DEMO}}, release=release)
    for entry in objects:
        name = entry["metadata"]["name"]
        assert len(name) <= 63
        assert prefix is None or name.startswith(prefix)
        assert all(len(value) <= 63 for value in entry["metadata"].get("labels", {}).values())


NAMES = ("ko-8b", "Ko-8B", "ko.8b", "ko_8b", "한국어-8b", "영어-8b", "a" * 120)


def test_models_of_any_name_have_pools_of_their_own(chart: Chart) -> None:
    """Slugs are valid, told apart, and the config keeps the name that clients send."""
    objects = chart.render({"models": dict.fromkeys(NAMES, DEMO)})
    slugs = {
        entry["metadata"]["labels"]["soban.dev/model"]: entry["metadata"]["annotations"]["soban.dev/model-name"]
        for name, entry in objects.of("Deployment").items()
        if "-engine-" in name
    }
    assert sorted(slugs.values()) == sorted(NAMES)
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", slug) for slug in slugs)
    assert slugs["ko-8b"] == "ko-8b"


def test_a_registry_for_all_goes_before_every_image(chart: Chart) -> None:
    """With its secrets; nothing names another registry."""
    values = {
        "global": {"imageRegistry": "registry.example/mirror", "imagePullSecrets": [{"name": "key"}]},
        "models": {"ko": VLLM, "demo": DEMO},
    }
    for pod in chart.render(values).pods():
        assert pod.spec["imagePullSecrets"] == [{"name": "key"}], pod.owner
        for container in pod.containers:
            assert container["image"].startswith("registry.example/mirror/"), pod.owner


def test_a_digest_goes_before_a_tag(chart: Chart) -> None:
    """And without either it is the version of the chart."""
    objects = chart.render({"image": {"registry": "ghcr.example", "tag": "9.9", "digest": DIGEST}})
    assert objects.container("soban-safety")["image"] == f"ghcr.example/soban/services@{DIGEST}"
    assert chart.render().container("soban-safety")["image"] == "soban/services:0.1.0"


def test_the_hubs_token_is_seen_by_the_download_alone(chart: Chart) -> None:
    """From an existing Secret, as a file of the init container."""
    values = {"models": {"ko": VLLM}, "download": {"tokenSecret": {"name": "hub", "key": "token"}}}
    objects = chart.render(values)
    assert not objects.of("Secret")
    spec = objects.pod("soban-engine-ko").spec
    (download,) = spec["initContainers"]
    assert "/run/secrets/hub" in {mount["mountPath"] for mount in download["volumeMounts"]}
    assert "/run/secrets/hub" not in str(spec["containers"])
    assert "hub" not in {name for entry in spec["containers"] for name in env_of(entry)}
    for pod in objects.pods():
        if pod.owner != "Deployment/soban-engine-ko":
            assert "secretName" not in str(pod.spec), pod.owner


def test_gpus_are_asked_for_and_kept(chart: Chart) -> None:
    """Requested and limited alike, tolerated, with shared memory, and no node autoscaler moves them."""
    pod = chart.render({"models": {"ko": VLLM}}).pod("soban-engine-ko")
    resources = pod.spec["containers"][0]["resources"]
    assert resources["limits"]["nvidia.com/gpu"] in (1, "1")
    assert "nvidia.com/gpu" in {toleration["key"] for toleration in pod.spec["tolerations"]}
    assert pod.spec["nodeSelector"]
    shm = next(volume for volume in pod.spec["volumes"] if volume["name"] == "shm")
    assert shm["emptyDir"]["medium"] == "Memory"
    assert pod.metadata["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert pod.metadata["annotations"]["karpenter.sh/do-not-disrupt"] == "true"


def test_a_rollout_of_a_pool_needs_no_further_gpu_when_told_so(chart: Chart) -> None:
    """maxSurge 0."""
    values = {"models": {"ko": VLLM}, "resourceProfiles": {"nvidia-l4": {"maxSurge": 0}}}
    strategy = chart.render(values).one("Deployment", "soban-engine-ko")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_a_zero_is_a_value(chart: Chart) -> None:
    """Defaults fill in what is not said; a 0 or false is said."""
    sleeping = {**DEMO, "minReplicas": 0, "maxReplicas": 1, "holdSeconds": 0, "queueLimit": 0}
    profiles = {"cpu": {"evictable": False}}
    objects = chart.render({"models": {"ko": sleeping}, "resourceProfiles": profiles})
    assert "holdSeconds: 0\n" in objects.config()
    assert "queueLimit: 0\n" in objects.config()
    annotations = objects.pod("soban-engine-ko").metadata["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"


def test_budgets_let_one_pod_go(chart: Chart) -> None:
    """Never as many as there are: a node could not be drained."""
    for name, budget in chart.render().of("PodDisruptionBudget").items():
        assert budget["spec"]["maxUnavailable"] == 1, name
        assert "minAvailable" not in budget["spec"], name


def test_generation_may_watch_endpoints_and_nothing_else(chart: Chart) -> None:
    """One Role, bound to one account."""
    objects = chart.render()
    (role,) = objects.of("Role").values()
    assert role["rules"] == [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}
    ]
    (binding,) = objects.of("RoleBinding").values()
    assert [subject["name"] for subject in binding["subjects"]] == ["soban-generation"]
    assert not objects.of("ClusterRole")


def test_telemetry_knows_the_pod(chart: Chart) -> None:
    """Names by the downward API; the collector is in soban.yaml."""
    objects = chart.render({"telemetry": {"otlpEndpoint": "http://collector:4317", "attributes": {"team": "search"}}})
    environment = env_of(objects.container("soban-safety"))
    assert environment["OTEL_SERVICE_NAME"] == "soban-safety"
    assert environment["POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert "k8s.pod.name=$(POD_NAME)" in environment["OTEL_RESOURCE_ATTRIBUTES"]
    assert environment["OTEL_RESOURCE_ATTRIBUTES"].endswith("team=search")
    assert "otlpEndpoint: http://collector:4317" in objects.config().replace('"', "")


def test_a_change_of_one_model_restarts_no_other_pool(chart: Chart) -> None:
    """Engines read their own part of the configuration."""
    before = chart.render({"models": {"ko-1": DEMO, "ko-2": DEMO}})
    after = chart.render({"models": {"ko-1": {**DEMO, "parallel": 4}, "ko-2": DEMO}})
    assert before.pod("soban-engine-ko-1") != after.pod("soban-engine-ko-1")
    assert before.pod("soban-engine-ko-2") == after.pod("soban-engine-ko-2")
    assert before.pod("soban-generation") != after.pod("soban-generation")


def test_nothing_in_a_pod_changes_with_the_charts_version_alone(chart: Chart) -> None:
    """helm.sh/chart is a label of objects, not of pods."""
    for pod in chart.render().pods():
        if pod.component != "test":
            assert "helm.sh/chart" not in pod.metadata["labels"], pod.owner


def test_a_profile_may_ask_for_nothing(chart: Chart) -> None:
    """Then the limits of the namespace hold."""
    model = {"url": "bundled:soban-demo", "resourceProfile": "any"}
    objects = chart.render({"resourceProfiles": {"any": {}}, "models": {"ko": model}})
    assert not any(objects.container("soban-engine-ko")["resources"].values())


def test_llama_cpps_own_server_has_only_adapters_with_a_file(chart: Chart) -> None:
    """One that it is given by engineArgs has none here."""
    model = {
        "url": "file:/models/a.gguf",
        "source": {"pvc": {"claimName": "weights"}},
        "adapters": {"polite": "/models/polite.gguf", "terse": ""},
    }
    values = {"engines": {"llamacpp": {"ownServer": True}}, "models": {"ko": model}}
    arguments = chart.render(values).container("soban-engine-ko")["args"]
    assert [one for one in arguments if "lora" in one] == ["--lora-scaled=/models/polite.gguf:0"]
