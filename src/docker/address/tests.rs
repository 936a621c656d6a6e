use super::*;
use crate::model::ErrorKind;

/// A folder of Docker's configuration.
struct Config(tempfile::TempDir);

impl Config {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let file = self.0.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self
    }

    /// The contexts `ci` and `laptop`; the folders have the names that the docker CLI gives them.
    fn contexts(&self) -> &Self {
        self.write(
            &format!("contexts/meta/{CI}/meta.json"),
            r#"{"Name": "ci", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://ci.example", "SkipTLSVerify": false}}}"#,
        )
        .write(
            &format!("contexts/meta/{LAPTOP}/meta.json"),
            r#"{"Name": "laptop", "Endpoints": {"docker": {"Host": "unix:///home/me/docker.sock"}}}"#,
        )
    }

    fn settings(&self) -> EngineSettings {
        EngineSettings { config: Some(self.path()), ..EngineSettings::default() }
    }
}

const CI: &str = "1b158839f8aa339e89bb50b1603e90ec68e0fd5565fe10a7cb32729fddf7070a";
const LAPTOP: &str = "5eec0dc419aa8337bf725f026fda9c78c1cb1c642eeaff9d6e1112f37783e942";

fn named(name: &str) -> Option<String> {
    Some(name.to_owned())
}

fn chosen(settings: &EngineSettings) -> String {
    EngineAddress::choose(settings).unwrap().to_string()
}

fn refused(settings: &EngineSettings) -> (ErrorKind, String) {
    let error = EngineAddress::choose(settings).unwrap_err();
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    (error.kind(), format!("{error}{}", source.unwrap_or_default()))
}

#[test]
fn the_engine_is_the_one_that_the_docker_cli_uses() {
    let config = Config::new();
    config.contexts().write("config.json", r#"{"currentContext": "laptop"}"#);
    let current = config.settings();
    let variable = EngineSettings { context: named("ci"), ..current.clone() };
    let host = EngineSettings { host: named("tcp://a.example:1"), ..variable.clone() };
    let default = EngineSettings { context: named("default"), ..current.clone() };
    let empty = EngineSettings { host: named(""), context: named(""), ..current.clone() };

    let file = config.path().join("config.json");
    let of_laptop = format!(
        "`unix:///home/me/docker.sock` (context `laptop`, from `currentContext` in `{}`)",
        file.display()
    );
    assert_eq!(chosen(&host), "`tcp://a.example:1` (from `DOCKER_HOST`)");
    assert_eq!(chosen(&variable), "`tcp://ci.example:2375` (context `ci`, from `DOCKER_CONTEXT`)");
    assert_eq!(chosen(&current), of_laptop);
    assert_eq!(chosen(&empty), of_laptop);
    assert_eq!(chosen(&default), "`unix:///var/run/docker.sock`");
    assert_eq!(chosen(&EngineSettings::default()), "`unix:///var/run/docker.sock`");
}

#[test]
fn the_default_socket_comes_before_the_rootless_one() {
    let runtime = tempfile::tempdir().unwrap();
    let socket = runtime.path().join("docker.sock");
    let settings = EngineSettings { runtime: Some(runtime.path().to_owned()), ..EngineSettings::default() };
    let without = chosen(&settings);
    fs::write(&socket, "").unwrap();

    let with = chosen(&settings);

    assert_eq!(without, "`unix:///var/run/docker.sock`");
    let expected = match Path::new("/var/run/docker.sock").exists() {
        true => "`unix:///var/run/docker.sock`".to_owned(),
        false => format!("`unix://{}` (the rootless engine)", socket.display()),
    };
    assert_eq!(with, expected);
}

#[test]
fn an_unknown_context_is_an_error_that_lists_the_known_ones() {
    let config = Config::new();
    config.contexts();

    let error = refused(&EngineSettings { context: named("cii"), ..config.settings() });

    assert_eq!(
        error,
        (
            ErrorKind::Input,
            "there is no Docker context `cii`, which `DOCKER_CONTEXT` names; there are `ci`, `default`, `laptop`"
                .to_owned()
        )
    );
}

#[test]
fn what_is_wrong_with_a_context_is_said() {
    let config = Config::new();
    let file = config.path().join(format!("contexts/meta/{CI}/meta.json"));
    for (content, expected) in [
        ("{", format!("`{}` is not the description of a Docker context", file.display())),
        (r#"{"Name": "ci"}"#, "the Docker context `ci` has no Docker engine".to_owned()),
        (
            r#"{"Name": "ci", "Endpoints": {"docker": {"Host": "npipe:////./pipe"}}}"#,
            "cannot use the engine that the context `ci` names".to_owned(),
        ),
    ] {
        config.write(&format!("contexts/meta/{CI}/meta.json"), content);

        let (kind, error) = refused(&EngineSettings { context: named("ci"), ..config.settings() });

        assert_eq!(kind, ErrorKind::Input, "{error}");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_an_error() {
    let config = Config::new();
    config.write("config.json", "{");

    let (_, error) = refused(&config.settings());

    assert!(error.ends_with("config.json` is not a Docker configuration"), "{error}");
}

#[test]
fn tls_is_never_left_out_where_it_is_asked_for() {
    let config = Config::new();
    let settings = EngineSettings { host: named("tcp://a.example"), tls_verify: true, ..config.settings() };
    let no_host = EngineSettings { host: None, ..settings.clone() };
    let nowhere = EngineSettings { config: None, ..settings.clone() };
    let over_ssh = EngineSettings { host: named("ssh://a.example"), ..settings.clone() };

    let ca = format!(
        "cannot read `{}`: No such file or directory (os error 2)",
        config.path().join("ca.pem").display()
    );
    assert_eq!(refused(&settings), (ErrorKind::Input, ca.clone()));
    assert_eq!(refused(&no_host), (ErrorKind::Input, ca));
    assert_eq!(refused(&nowhere).0, ErrorKind::Input);
    assert_eq!(chosen(&over_ssh), "`ssh://a.example` (from `DOCKER_HOST`)");
}

#[test]
fn files_that_are_no_certificates_or_are_missing_are_named() {
    let config = Config::new();
    config.contexts();
    let folder = config.path().join(format!("contexts/tls/{CI}/docker"));
    let settings = EngineSettings { context: named("ci"), ..config.settings() };
    let write = |name: &str, content: &str| {
        config.write(&format!("contexts/tls/{CI}/docker/{name}"), content);
    };

    write("ca.pem", "not a certificate");
    let authority = refused(&settings);
    fs::remove_file(folder.join("ca.pem")).unwrap();
    write("cert.pem", "not a certificate");
    let no_key = refused(&settings);
    write("key.pem", "not a key");
    let certificate = refused(&settings);

    let unusable = format!("cannot use the certificates in `{}`", folder.display());
    let input = |text: String| (ErrorKind::Input, text);
    assert_eq!(
        authority,
        input(format!("{unusable}: the certificate authority is not a certificate in PEM format"))
    );
    assert_eq!(
        no_key,
        input(format!(
            "cannot read `{}`: No such file or directory (os error 2)",
            folder.join("key.pem").display()
        ))
    );
    assert_eq!(
        certificate,
        input(format!("{unusable}: the client certificate is not a certificate in PEM format"))
    );
}
