//! Builds by BuildKit daemons, without a Docker engine of one's own.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::end_to_end::support::{examples, names, project, with_outcome};
use crate::end_to_end::twice::base_image;
use crate::support::bed::setting;
use crate::support::buildkit::BuildKitBridge;
use crate::support::engines::{BedEngine, OwnEngine};
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

const ALL: [&str; 5] = ["api", "base", "lib", "site", "worker"];

/// No engine listens there: what is built is built by builders.
const NO_ENGINE: &str = "unix:///nonexistent/docker.sock";

pub(crate) fn use_builders(shop: &mut Shop, builders: &[String]) {
    shop.world.set("DOCKER_HOST", NO_ENGINE).set("CHINAMPA_BUILDERS", &builders.join(","));
}

pub(crate) fn bridge() -> BuildKitBridge {
    BuildKitBridge::new(BedEngine::Containerd)
}

fn count(report: &Value, name: &str, key: &str) -> u64 {
    project(report, name)[key].as_u64().unwrap_or_else(|| panic!("{report:#}"))
}

/// A project whose image has one layer of a step that no other build has.
fn one_project() -> Shop {
    Shop::new().cache(Cache::oci()).projects(&[("api", "FROM scratch\nCOPY Dockerfile /d\n", "")])
}

#[test]
fn the_example_shop_has_the_same_life_with_a_daemon_as_with_an_engine() {
    let bridge = bridge();
    let mut shop = examples();
    use_builders(&mut shop, &[bridge.endpoint()]);
    shop.world.commit();

    let first = shop.build([]);
    assert_eq!(with_outcome(&first, "built"), names(ALL));
    assert_eq!(first["lost_builders"], Value::Array(Vec::new()));
    let again = shop.build([]);
    assert_eq!(with_outcome(&again, "reused"), names(ALL));

    shop.world.write("examples/lib/src/log.sh", "log() { echo \"changed: $*\"; }\n").commit();
    let changed = shop.build([]);
    assert_eq!(with_outcome(&changed, "built"), names(["api", "lib", "worker"]));
    assert_eq!(with_outcome(&changed, "reused"), names(["base", "site"]));

    // An engine reuses what builders have built, so both find the same input digests.
    let mut by_engine = shop;
    by_engine.world.set("CHINAMPA_BUILDERS", "");
    by_engine.use_engine(BedEngine::Containerd);
    let reused = by_engine.build([]);
    assert_eq!(with_outcome(&reused, "reused"), names(ALL));
}

#[test]
fn a_daemon_behind_tls_is_reached_with_a_client_certificate_and_not_without() {
    let bridge = BuildKitBridge::with_tls(BedEngine::Containerd);
    let mut shop = one_project();

    use_builders(&mut shop, &[bridge.endpoint()]);
    let plain = shop.world.run(["build"]);
    use_builders(&mut shop, &[format!("{};{}", bridge.endpoint(), BuildKitBridge::client_files())]);
    let report = shop.build([]);

    assert_eq!(plain.exit, 3, "{plain}");
    assert!(plain.stderr.contains("none of the builders answers"), "{plain}");
    assert_eq!(with_outcome(&report, "built"), names(["api"]));
}

#[test]
fn doctor_looks_at_each_builder() {
    let (open, closed) = (bridge(), bridge());
    closed.close();
    let mut shop = one_project();
    use_builders(&mut shop, &[format!("{};slots=2", open.endpoint()), closed.endpoint()]);

    let answer = shop.world.run(["doctor", "--json"]);

    assert_eq!(answer.exit, 1, "{answer}");
    let report = answer.json();
    let checks = report["checks"].as_array().unwrap();
    let of = |subject: &str| -> Vec<(&str, &str)> {
        let checks = checks.iter().filter(|check| check["subject"] == subject);
        checks.map(|it| (it["state"].as_str().unwrap(), it["says"].as_str().unwrap())).collect()
    };
    let builders = of("builder");
    assert_eq!((builders[0].0, builders[1].0), ("ok", "error"), "{report:#}");
    assert!(
        builders[0].1.contains("builds for linux/amd64") && builders[0].1.contains("2 slots"),
        "{report:#}"
    );
    assert_eq!(of("engine")[0].0, "warning", "{report:#}");
}

#[test]
fn a_failed_step_is_reported_as_by_an_engine() {
    let bridge = bridge();
    let failing = &[("api", "FROM chinampa/base:1\nRUN echo before; exit 7\n", "")];
    let mut shop = Shop::new().cache(Cache::oci()).projects(failing).on(BedEngine::Containerd);
    let failure = |shop: &Shop| {
        let answer = shop.world.run(["build", "--json"]);
        let report = answer.json();
        let api = project(&report, "api").clone();
        let keys = ["outcome", "failed_step", "failed_line", "exit_code", "log_tail"];
        (answer.exit, keys.map(|key| api[key].clone()))
    };

    let by_engine = failure(&shop);
    use_builders(&mut shop, &[bridge.endpoint()]);
    let by_builder = failure(&shop);

    assert_eq!(by_engine, by_builder);
    assert_eq!((by_builder.0, &by_builder.1[3]), (4, &Value::from(7)));
}

#[test]
fn a_builder_that_never_built_a_project_has_all_of_its_stages_cached() {
    let base = base_image();
    let mut shop = Shop::new().cache(Cache::oci());
    let own = shop.prefix.trim_end_matches('/').to_owned();
    let dockerfile = format!(
        "FROM {base} AS build\nRUN echo one-{own} >/one\nRUN echo two-{own} >/two\n\
         FROM {base}\nCOPY --from=build /two /{own}\n"
    );
    let manifest =
        format!("[workspace]\nname = \"shop\"\n\n{}\n[projects.api]\npath = \"api\"\n", shop.cache_table());
    shop.world.write("projects.toml", manifest).write("api/Dockerfile", dockerfile).commit();
    let fresh = OwnEngine::start("10");
    let (bridge, of_fresh) = (bridge(), BuildKitBridge::to(fresh.host()));

    use_builders(&mut shop, &[bridge.endpoint()]);
    let first = shop.world.run(["build", "--json", "-v"]);
    use_builders(&mut shop, &[of_fresh.endpoint()]);
    let again = shop.world.run(["build", "--json", "-v", "--force"]);

    // What kept the layers from the registry, or from the builder, is in the output of either build.
    assert_eq!((first.exit, again.exit), (0, 0), "{first}\n{again}");
    assert_eq!(count(&again.json(), "api", "steps"), 3, "{first}\n{again}");
    assert_eq!(count(&again.json(), "api", "cached_steps"), 3, "{first}\n{again}");
}

/// What a builder got for the manifest of the layers that it keeps, and what the build says.
async fn exports_of_layers(fault: Fault, times: usize) -> (Vec<u16>, Answer) {
    const LAYERS: &str = "/manifests/branch-main..";
    let proxy =
        Proxy::start(&setting("REGISTRY_1"), [Rule { method: "PUT", path: LAYERS, times, fault }]).await;
    let bridge = bridge();
    let mut shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned())).projects(&[(
        "api",
        "FROM scratch\nCOPY Dockerfile /d\n",
        "",
    )]);
    use_builders(&mut shop, &[bridge.endpoint()]);

    let answer = shop.world.run(["build"]);

    let passed = proxy.record();
    let exports = passed.iter().filter(|each| each.method == "PUT" && each.path.contains(LAYERS));
    (exports.map(|each| each.status).collect(), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_that_could_not_be_kept_are_exported_again_unless_the_registry_denies_it() {
    let (exports, answer) = exports_of_layers(Fault::status(400), 1).await;
    let (denied, warned) = exports_of_layers(Fault::status(403), usize::MAX).await;

    assert_eq!((answer.exit, exports), (0, vec![400, 201]), "{answer}");
    assert!(!answer.to_string().contains("the layers were not kept"), "{answer}");
    assert_eq!((warned.exit, denied), (0, vec![403]), "{warned}");
    assert!(warned.to_string().contains("the layers were not kept in the registry"), "{warned}");
}

#[test]
fn images_of_two_platforms_from_two_builders_become_one_index() {
    let (amd, arm) = (bridge(), bridge());
    let both = "platforms = [\"linux/amd64\", \"linux/arm64\"]";
    let mut shop =
        Shop::new().cache(Cache::oci()).projects(&[("api", "FROM scratch\nCOPY Dockerfile /d\n", both)]);
    let of_platforms = [
        format!("{};platforms=linux/amd64", amd.endpoint()),
        format!("{};platforms=linux/arm64", arm.endpoint()),
    ];
    use_builders(&mut shop, &of_platforms);
    let before = (amd.received_bytes(), arm.received_bytes());

    let report = shop.build([]);

    let index = shop.manifest(project(&report, "api")["image"].as_str().unwrap());
    let platforms: Vec<&str> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["platform"]["architecture"].as_str().unwrap())
        .collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
    assert!(amd.received_bytes() > before.0 && arm.received_bytes() > before.1);
}

/// Stands for `docker` or `kubectl`: notes its arguments, and joins its standard streams to a builder.
fn write_dialer(folder: &std::path::Path, name: &str, bridge: &BuildKitBridge) {
    use std::os::unix::fs::PermissionsExt as _;
    let port = bridge.endpoint().rsplit_once(':').unwrap().1.to_owned();
    let log = folder.join(format!("{name}.log"));
    let script = format!(
        "#!/usr/bin/env python3\n\
         import os, socket, sys, threading\n\
         open({log:?}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n\
         stream = socket.create_connection(('127.0.0.1', {port}))\n\
         def send():\n\
         \x20   while data := os.read(0, 65536): stream.sendall(data)\n\
         \x20   stream.shutdown(socket.SHUT_WR)\n\
         threading.Thread(target=send, daemon=True).start()\n\
         while data := stream.recv(65536): os.write(1, data)\n"
    );
    let program = folder.join(name);
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_daemon_in_a_container_or_a_pod_is_reached_through_a_program() {
    let bridge = bridge();
    let folder = tempfile::tempdir().unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    for (endpoint, program, arguments) in [
        ("docker-container://buildkitd", "docker", "exec -i buildkitd buildctl dial-stdio"),
        (
            "kube-pod://b-0?namespace=ci&container=d",
            "kubectl",
            "exec -i b-0 --namespace ci --container d -- buildctl dial-stdio",
        ),
    ] {
        let mut shop = one_project();
        write_dialer(folder.path(), program, &bridge);
        use_builders(&mut shop, &[endpoint.to_owned()]);
        shop.world.set("PATH", &path);

        let report = shop.build([]);

        assert_eq!(with_outcome(&report, "built"), names(["api"]), "{endpoint}");
        let log = std::fs::read_to_string(folder.path().join(format!("{program}.log"))).unwrap();
        assert!(log.lines().all(|line| line == arguments), "{log}");
    }
}

/// Whether a program that a step started is running: the bed's engines run on this machine.
fn is_running(command: &str) -> bool {
    std::process::Command::new("pgrep").args(["-f", command]).output().unwrap().status.success()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_interruption_ends_the_step_that_a_daemon_runs() {
    let bridge = bridge();
    let shop = Shop::new().cache(Cache::oci());
    let own: String = shop.prefix.chars().filter(char::is_ascii_digit).take(18).collect();
    let step = format!("sleep 600.{own}");
    let manifest =
        format!("[workspace]\nname = \"shop\"\n\n{}\n[projects.api]\npath = \"api\"\n", shop.cache_table());
    let mut shop = shop;
    shop.world
        .write("projects.toml", manifest)
        .write("api/Dockerfile", format!("FROM chinampa/base:1\nRUN {step}\n"))
        .commit();
    use_builders(&mut shop, &[bridge.endpoint()]);
    let mut command = shop.world.command(["build"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    wait_until("the step does not begin", || is_running(&step));

    let process = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let answer = Answer::from(child.wait_with_output().unwrap());

    assert_eq!(answer.exit, 130, "{answer}");
    wait_until("the step goes on", || !is_running(&step));
}

#[test]
fn a_branch_cannot_name_builders_that_the_default_branch_does_not() {
    let bridge = bridge();
    let thief = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    thief.set_nonblocking(true).unwrap();
    let stolen = format!("tcp://{}", thief.local_addr().unwrap());
    let origin = Shop::new().cache(Cache::oci());
    let manifest = |endpoint: &str| {
        format!(
            "[workspace]\nname = \"shop\"\n\n{}\n[[builders]]\nendpoint = \"{endpoint}\"\n\n[projects.api]\npath = \"api\"\n",
            origin.cache_table()
        )
    };
    origin
        .world
        .write("projects.toml", manifest(&bridge.endpoint()))
        .write("api/Dockerfile", format!("FROM scratch\nLABEL own={}\nCOPY Dockerfile /d\n", origin.prefix))
        .commit();
    let mut clone = crate::support::world::World::clone_of(origin.world.path());
    clone.set_all_of(&origin.world);
    clone.set("DOCKER_HOST", NO_ENGINE);
    clone.git(["checkout", "-q", "-b", "topic"]);
    clone.write("projects.toml", manifest(&stolen)).commit();

    let answer = clone.run(["build"]);
    clone.git(["remote", "set-head", "origin", "-d"]);
    let without_default = clone.run(["build", "--force"]);
    clone.set("CHINAMPA_TRUST", "untrusted");
    clone.set("CHINAMPA_BUILDERS", &bridge.endpoint());
    let untrusted = clone.run(["build", "--force"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stderr.contains("this branch names others, which are not used"), "{answer}");
    for without_engine in [without_default, untrusted] {
        assert_eq!(without_engine.exit, 3, "{without_engine}");
        assert!(without_engine.stderr.contains("cannot reach the Docker engine"), "{without_engine}");
    }
    assert!(thief.accept().is_err(), "somebody has connected");
}
