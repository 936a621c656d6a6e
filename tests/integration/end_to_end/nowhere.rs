//! Secrets, ssh keys and proxy credentials reach the steps that ask for them, and are nowhere else.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::end_to_end::support::{docker, project};
use crate::support::aws;
use crate::support::bed::setting;
use crate::support::shop::{Cache, Shop};
use crate::support::ssh_agent::{self, SshAgent};
use crate::support::world::Answer;

/// Sees each value, and shows its digest alone.
const DOCKERFILE: &str = "FROM chinampa/base:1 AS build\n\
    COPY ask /ask\n\
    RUN --mount=type=secret,id=env,required --mount=type=secret,id=file,required \
        --mount=type=secret,id=ssm,required --mount=type=secret,id=manager,required --mount=type=ssh,required \
        for f in env file ssm manager; do sha256sum </run/secrets/$f; done; /ask 11 | sha256sum; \
        echo -n $HTTP_PROXY | sha256sum\n\
    FROM build\n\
    RUN echo done\n";

/// Values of which none may be found.
struct Values {
    env: String,
    file: String,
    ssm: String,
    manager: String,
    key: String,
    proxy: String,
}

impl Values {
    fn all(&self) -> [&str; 6] {
        [&self.env, &self.file, &self.ssm, &self.manager, &self.key, &self.proxy]
    }

    fn check(&self, place: &str, bytes: &[u8]) {
        for value in self.all() {
            let found = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(
                !found,
                "`{value}` is in {place}: {}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(4000)])
            );
        }
    }
}

/// A shop with one of everything, and the values.
fn shop() -> (Shop, Values, SshAgent) {
    let mut shop = Shop::new().cache(Cache::oci());
    let own = shop.prefix.trim_end_matches('/').replace('-', "x");
    let value = |kind: &str| format!("{kind}0s3cret0{own}");
    let values = Values {
        env: value("env"),
        file: value("file"),
        ssm: value("ssm"),
        manager: value("manager"),
        key: value("key"),
        proxy: value("proxy"),
    };
    let put = json!({ "Name": format!("/{own}"), "Value": values.ssm, "Type": "SecureString" });
    aws::ask("AWS_1", aws::REGION, "ssm", "AmazonSSM", "PutParameter", &put);
    let create = json!({ "Name": own, "SecretString": values.manager });
    aws::ask("AWS_1", aws::REGION, "secretsmanager", "secretsmanager", "CreateSecret", &create);
    let agent = SshAgent::start(&values.key);

    // The login of the registry is in the configuration already.
    let config = std::fs::read_to_string(shop.config_file()).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let proxy = format!("http://user:{}@proxy.example:1", values.proxy);
    config["proxies"] = json!({ "default": { "httpProxy": proxy } });
    std::fs::write(shop.config_file(), config.to_string()).unwrap();

    shop.world.set("TOKEN", &values.env).set("SSH_AUTH_SOCK", agent.socket().to_str().unwrap());
    shop.world.set("AWS_ACCESS_KEY_ID", "test").set("AWS_SECRET_ACCESS_KEY", "s3cret-key");
    shop.world.set("AWS_EC2_METADATA_DISABLED", "true").set("AWS_REGION", aws::REGION);
    shop.world.set("AWS_ENDPOINT_URL", &format!("http://{}", setting("AWS_1")));
    shop.world.write("api/ask", ssh_agent::client()).write(".gitignore", "token\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(shop.world.file("api/ask"), mode).unwrap();
    let secrets = format!(
        "ssh = [\"default\"]\nsecrets = {{ env = {{ env = \"TOKEN\" }}, file = {{ file = \"token\" }}, \
         ssm = {{ aws-ssm = \"/{own}\" }}, manager = {{ aws-secrets-manager = \"{own}\" }} }}"
    );
    let shop = shop.projects(&[("api", DOCKERFILE, secrets.leak())]);
    shop.world.write("token", &values.file);
    (shop, values, agent)
}

/// Runs the binary, and meanwhile looks at the arguments of all processes that it is or starts.
fn run(shop: &Shop, arguments: &[&str]) -> (Answer, Vec<u8>) {
    let mut command = shop.world.command_of(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (id, seen) = (child.id(), Arc::new(Mutex::new(Vec::new())));
    let record = Arc::clone(&seen);
    let watch = std::thread::spawn(move || {
        // Ends with the process: what has ended has no arguments.
        while let Ok(own) = std::fs::read(format!("/proc/{id}/cmdline"))
            && !own.is_empty()
        {
            let mut seen = record.lock().unwrap();
            seen.write_all(&own).unwrap();
            for process in children(id) {
                seen.extend(std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default());
            }
            drop(seen);
            std::thread::yield_now();
        }
    });
    let answer = child.wait_with_output().unwrap().into();
    watch.join().unwrap();
    (answer, Arc::try_unwrap(seen).unwrap().into_inner().unwrap())
}

fn children(id: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Every file below a folder.
fn files(folder: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, each);
        } else if path.is_file() {
            each(&path, &std::fs::read(&path).unwrap());
        }
    }
}

/// The image as `docker save` writes it, and each of its layers.
fn saved(image: &str) -> Vec<u8> {
    let saved =
        Command::new("/usr/bin/docker").args(["-H", &setting("DOCKER_HOST_1"), "save", image]).output();
    let saved = saved.unwrap();
    assert!(saved.status.success() && saved.stdout.len() > 1 << 20, "the image has layers");
    saved.stdout
}

#[test]
fn secrets_ssh_keys_and_proxy_credentials_are_in_no_image_history_cache_log_or_argument() {
    let (shop, values, agent) = shop();

    let (plain, arguments) = run(&shop, &["build", "--progress", "plain", "-vv"]);
    let (json, more_arguments) = run(&shop, &["build", "--force", "--json", "--progress", "json", "-vv"]);

    for (place, answer) in [("the output", &plain), ("the JSON", &json)] {
        assert_eq!(answer.exit, 0, "{answer}");
        values.check(place, answer.to_string().as_bytes());
    }
    // The steps had them: what they show is what the values give.
    for value in [&values.env, &values.file, &values.ssm, &values.manager] {
        let digest = sha256(value.as_bytes());
        assert!(plain.to_string().contains(&digest), "no step has seen `{value}`: {plain}");
    }
    let proxy = sha256(format!("http://user:{}@proxy.example:1", values.proxy).as_bytes());
    assert!(plain.to_string().contains(&proxy), "{plain}");
    assert_eq!(agent.asked(), [11], "the second build takes the step from the layer cache");
    values.check("the arguments of a process", &[arguments, more_arguments].concat());

    let report = json.json();
    let image = project(&report, "api")["image"].as_str().unwrap();
    let config = shop.config_file();
    docker(
        &setting("DOCKER_HOST_1"),
        &["--config", config.parent().unwrap().to_str().unwrap(), "pull", "-q", image],
    );
    values.check("a layer", &saved(image));
    let history = docker(&setting("DOCKER_HOST_1"), &["history", "--no-trunc", image]);
    assert!(history.contains("/run/secrets/"), "{history}");
    values.check("the history", history.as_bytes());
    values.check("the image", docker(&setting("DOCKER_HOST_1"), &["inspect", image]).as_bytes());
    values.check("the manifest", shop.manifest(image).to_string().as_bytes());

    files(&shop.world.file(".git"), &mut |path, content| values.check(&path.display().to_string(), content));
    for file in ["projects.toml", "api/Dockerfile"] {
        values.check(file, &std::fs::read(shop.world.file(file)).unwrap());
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
