"""Configuration: file, environment, and errors that are one line and help."""

from pathlib import Path

import pytest

from monitor.config import Config
from monitor.settings import ConfigError, load

MAPPED = """
venue = "north"
bin_ms = 500
[kafka]
topics = ["orders"]
[topics.raw-orders]
type = "order"
ts_unit = "ms"
side = { buy = ["B"], sell = ["S"] }
[topics.raw-orders.fields]
price = "data.p"
[checkpoint]
directory = ""
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "foreshock.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    """The message of a configuration that cannot be used, without the file's name."""
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    message = str(caught.value)
    assert "\n" not in message
    assert len(message.removeprefix(f"{path}: ")) < 400
    assert "`" not in message
    return message.removeprefix(f"{path}: ")


def test_without_anything_set_everything_has_its_default() -> None:
    assert load(None, {}) == Config()


def test_a_file_sets_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    config = load(written(tmp_path, MAPPED), {})
    assert (config.venue, config.bin_ms, config.kafka.topics) == ("north", 500, ["orders"])
    assert config.topics["raw-orders"].fields == {"price": "data.p"}
    assert config.all_topics == ["orders", "raw-orders"]
    assert config.checkpoint.directory is None
    assert config.input == Config().input


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("FORESHOCK_KAFKA_BOOTSTRAP_SERVERS", "did you mean FORESHOCK_KAFKA__BOOTSTRAP_SERVERS?"),
        ("FORESHOCK_KAFAK__GROUP_ID", "kafak is no section; did you mean FORESHOCK_KAFKA__…?"),
        ("FORESHOCK_XYZ__A", "xyz is no section"),
    ],
)
def test_a_variable_that_would_be_passed_over_is_named(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(None, {name: "x"})
    assert str(refused.value) == f"{name}: {says}"


@pytest.mark.parametrize("text", ["[hunter2", "[a, b]"])
def test_text_that_looks_like_a_list_is_text(text: str) -> None:
    found = load(None, {"FORESHOCK_KAFKA__SASL_PASSWORD": text})
    assert found.kafka.sasl_password == text


def test_what_kubernetes_sets_for_a_service_is_no_slip() -> None:
    said = {
        "FORESHOCK_HTTP_PORT": "tcp://10.0.0.1:9108",
        "FORESHOCK_HTTP_SERVICE_HOST": "10.0.0.1",
        "FORESHOCK_HTTP_SERVICE_PORT": "9108",
        "FORESHOCK_PORT_9108_TCP": "tcp://10.0.0.1:9108",
    }
    assert load(None, said) == Config()


def test_the_environment_overrides_the_file_and_the_defaults(tmp_path: Path) -> None:
    environ = {
        "FORESHOCK_VENUE": "south",
        "FORESHOCK_BIN_MS": "100",
        "FORESHOCK_KAFKA__BOOTSTRAP_SERVERS": "broker-1:9092,broker-2:9092",
        "FORESHOCK_KAFKA__TOPICS": '["a", "b"]',
        "FORESHOCK_KAFKA__SSL_CHECK_HOSTNAME": "false",
        "FORESHOCK_KAFKA__SASL_PASSWORD": "12345",
        "FORESHOCK_DETECTORS__DISABLED": "drift, market_wide",
        "FORESHOCK_INPUT__LATENESS_S": "0.5",
        "FORESHOCK_HTTP__PORT": "0",
        "FORESHOCK_CHECKPOINT__DIRECTORY": "",
        "FORESHOCK_OUTPUT__ALERTS_TOPIC": "",
        "FORESHOCK_UNRELATED": "x",
        "HOME": "/",
    }
    for path in (None, written(tmp_path, MAPPED)):
        config = load(path, environ)
        assert (config.venue, config.bin_ms, config.http.port) == ("south", 100, 0)
        assert config.kafka.bootstrap_servers == "broker-1:9092,broker-2:9092"
        assert config.kafka.topics == ["a", "b"]
        assert config.kafka.ssl_check_hostname is False
        assert config.kafka.sasl_password == "12345"  # noqa: S105 - a made-up one
        assert config.detectors.disabled == ["drift", "market_wide"]
        assert config.input.lateness_s == 0.5
        assert (config.checkpoint.directory, config.output.alerts_topic) == (None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[kafak]\nx = 1", "kafak: unknown key; did you mean 'kafka'?"),
        ("[kafka]\nstrat = 1", "kafka.strat: unknown key; did you mean 'start'?"),
        (
            "[incidents]\nfoo = 1",
            (
                "incidents.foo: unknown key; known are page_budget_per_week, warnings_per_day, "
                "infos_per_hour, join_s, lead_s, calm_s, hold_s, update_s"
            ),
        ),
        ("[scale]\nrolle = 'all'", "scale.rolle: unknown key; did you mean 'role'?"),
        ("[topics.x]\nsides = 1", "topics.x.sides: unknown key; did you mean 'side'?"),
        (
            "[topics.x.fields]\nprise = 'p'",
            "topics.x: fields.prise: no event has such a field; did you mean 'price'?",
        ),
    ],
)
def test_an_unknown_key_is_named_with_its_nearest(tmp_path: Path, text: str, message: str) -> None:
    assert refused(tmp_path, text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kafka = 3", "kafka = 3: must be a table"),
        ("topics = ['orders']", "topics = ['orders']: must be a table"),
        ("topics.x = 3", "topics.x = 3: must be a table"),
        ("venue = 3", "venue = 3: must be text"),
        ("venue = ''", "venue = '': must be text of length at least 1"),
        ("bin_ms = 5", "bin_ms = 5: must be at least 10"),
        ("bin_ms = 99999", "bin_ms = 99999: must be at most 10,000"),
        ("bin_ms = 10.5", "bin_ms = 10.5: must be a whole number"),
        ("bin_ms = 'fast'", "bin_ms = 'fast': must be a whole number"),
        ("[http]\nport = 70000", "http.port = 70000: must be at most 65,535"),
        ("[input]\nlateness_s = -1", "input.lateness_s = -1: must be at least 0"),
        ("[input]\nlateness_s = nan", "input.lateness_s = nan: must be at least 0"),
        ("[input]\nfuture_s = inf", "input.future_s = inf: must be at most 1,000,000,000"),
        ("[input]\nfuture_s = 0", "input.future_s = 0: must be at least 0.001"),
        ("[kafka]\nstart = 'now'", "kafka.start = 'now': must be one of recent, earliest, latest"),
        ("[kafka]\nrewarm_s = -1", "kafka.rewarm_s = -1: must be at least 0"),
        ("[scale]\nrole = 'boss'", "scale.role = 'boss': must be one of all, shard, detection"),
        (
            "[scale]\nframes_topic = ''",
            "scale.frames_topic = '': must be text of length at least 1",
        ),
        ("[kafka]\ntopics = 'orders'", "kafka.topics = 'orders': must be a list"),
        ("[kafka]\ntopics = ['a', 3]", "kafka.topics[1] = 3: must be text"),
        (
            "[kafka]\nssl_check_hostname = 'maybe'",
            "kafka.ssl_check_hostname = 'maybe': must be true or false",
        ),
        ("[output]\naudit_log = 3", "output.audit_log = 3: must be text"),
        (
            "[detectors]\ndisabled = ['cancel_brust']",
            (
                "detectors.disabled[0] = 'cancel_brust': must be one of order_burst, "
                "cancel_burst, leverage_burst, liquidation_burst, reject_storm, market_wide, "
                "drift, thin_book, thin_book_clustering, "
                "leverage_shift, liquidation_band, cascade, crowding, index_lag, mark_divergence, "
                "feed_gap, clock_skew"
            ),
        ),
        ("[topics.x]\nts_unit = 'min'", "topics.x.ts_unit = 'min': must be one of ns, us, ms, s"),
        (
            "[topics.x]\ntype = 'ordr'",
            (
                "topics.x: type 'ordr' is not one of order, cancel, leverage, fill, book, mark, "
                "liquidation, reject"
            ),
        ),
        ("[topics.x.types]\na = 'order'\nb = 1", "topics.x.types.b = 1: must be text"),
        ("[topics.x.fields]\nprice = 3", "topics.x.fields.price = 3: must be text"),
        ("[topics.x.side]\nbuy = 'B'\nsell = ['S']", "topics.x.side.buy = 'B': must be a list"),
        (
            "[topics.x.side]\nbuy = ['B', 1.5]\nsell = ['S']",
            "topics.x.side.buy[1] = 1.5: must be true or false or a whole number or text",
        ),
        (
            "[topics.x.side]\nbid = ['B']",
            "topics.x.side = {'bid': ['B']}: its keys must be one of buy, sell",
        ),
        ("[topics.x.side]\nbuy = ['B']", "topics.x: side.sell needs at least one spelling"),
        (
            "[topics.x]\ntype = 'order'\ndefaults = { qty = 'much' }",
            "topics.x: defaults.qty = 'much' does not fit the field",
        ),
        (
            "[topics.'a.b']\nts_unit = 3",
            "topics.a.b.ts_unit = 3: must be one of ns, us, ms, s",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(
    tmp_path: Path, text: str, message: str
) -> None:
    assert refused(tmp_path, text) == message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HTTP__PORT", "many", "http.port = 'many': must be a whole number"),
        ("HTTP__PORT", "70000", "http.port = '70000': must be at most 65,535"),
        ("BIN_MS", "5", "bin_ms = '5': must be at least 10"),
        ("KAFKA__START", "now", "kafka.start = 'now': must be one of recent, earliest, latest"),
        (
            "KAFKA__TOPICS",
            "[a, b]",
            'kafka.topics = \'[a, b]\': not a list like ["a", "b"] or a,b',
        ),
        (
            "DETECTORS__DISABLED",
            "drift,all",
            (
                "detectors.disabled[1] = 'all': must be one of order_burst, cancel_burst, "
                "leverage_burst, liquidation_burst, reject_storm, market_wide, drift, "
                "thin_book, thin_book_clustering, "
                "leverage_shift, liquidation_band, cascade, crowding, index_lag, mark_divergence, "
                "feed_gap, clock_skew"
            ),
        ),
        ("HTTP__PROT", "1", "http.prot: unknown key; did you mean 'port'?"),
    ],
)
def test_a_wrong_variable_is_named_itself(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    variable = f"FORESHOCK_{name}"
    assert refused(tmp_path, "", {variable: value}) == f"{variable}: {message}"


def test_a_variable_for_a_table_that_the_file_has_wrong_is_not_fatal(tmp_path: Path) -> None:
    message = refused(tmp_path, "kafka = 3", {"FORESHOCK_KAFKA__START": "latest"})
    assert message == "kafka = 3: must be a table"


def test_a_long_wrong_value_is_shown_in_part(tmp_path: Path) -> None:
    assert len(refused(tmp_path, f"[kafka]\ntopics = '{'x' * 5000}'")) < 120


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load(tmp_path, {})
    (tmp_path / "latin.toml").write_bytes(b'venue = "\xe4"')
    with pytest.raises(ConfigError, match=r"latin.toml: not UTF-8 text"):
        load(tmp_path / "latin.toml", {})


def test_a_file_that_is_not_toml_is_said_to_be_so_with_the_line(tmp_path: Path) -> None:
    assert refused(tmp_path, "venue = \n") == "not TOML: Invalid value (at line 1, column 9)"
