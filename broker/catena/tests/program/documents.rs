//! `catena check` and `catena config show` on documents, certificates and password files.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::process::{self, Told, catena, write};
use tempfile::tempdir;

const LISTENER: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata: { name: external }
spec:
  ports:
    - port: 8883
      authenticationRef: users
      tls: { mode: Manual, manual: { secretRef: server } }
";

const AUTHENTICATION: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata: { name: users }
spec:
  authenticationMethods:
    - method: UsernamePassword
      usernamePasswordSettings: { file: users.txt }
";

const HASH: &str = "$7$101$MTIzNDU2Nzg5MDEy$h3OGTDkrPBc1IDrkvFUXjghw4dN9103fBdTZDvDSOC4EJPkNbHi3f\
    Y2BTXXd1fmFkTQ4lpBRhpsAUEy+yj0eSQ==";

#[test]
fn no_configuration_can_be_used() {
    let folder = tempdir().unwrap();
    check(
        folder.path(),
        0,
        "configuration can be used: 1 listener, 0 notes\n",
        "",
    );
}

#[test]
fn a_folder_with_all_that_it_names_can_be_used() {
    let folder = complete();
    check(
        folder.path(),
        0,
        "configuration can be used: 1 listener, 0 notes\n",
        "",
    );
}

#[test]
fn every_file_that_is_missing_is_told() {
    let folder = tempdir().unwrap();
    write(folder.path().join("conf/listener.yaml"), LISTENER);
    write(folder.path().join("conf/users.yml"), AUTHENTICATION);
    check(
        folder.path(),
        2,
        "",
        "\
conf/secrets/server/tls.crt: cannot be read: no such file or folder (named by \
BrokerListener external)
conf/secrets/server/tls.key: cannot be read: no such file or folder (named by \
BrokerListener external)
conf/users.txt: cannot be read: no such file or folder (named by BrokerAuthentication users)
refused: 3 errors
",
    );
}

#[test]
fn what_is_no_certificate_key_or_password_is_told() {
    let folder = complete();
    let conf = folder.path().join("conf");
    write(conf.join("secrets/server/tls.crt"), "nothing");
    write(conf.join("users.txt"), "# users\nanna:secret\n");
    check(
        folder.path(),
        2,
        "",
        "\
conf/secrets/server/tls.crt: holds no certificate
conf/users.txt:2:1: expected a hash that `catena passwd` or mosquitto_passwd makes ($argon2id$, \
$7$ or $6$); passwords in plain text are refused
refused: 2 errors
",
    );
    certificate(&conf.join("secrets/server"));
    let key = rcgen::KeyPair::generate().unwrap();
    write(conf.join("secrets/server/tls.key"), &key.serialize_pem());
    write(conf.join("users.txt"), "");
    let told = catena(folder.path(), ["check", "-c", "conf"]);
    assert_eq!(told.code, Some(2));
    let expected = "conf/secrets/server/tls.key: certificate and private key cannot be used: ";
    assert!(told.err.starts_with(expected), "{}", told.err);

    let broken = key.serialize_pem().replace('\n', " ");
    for text in ["nothing", &*broken] {
        write(conf.join("secrets/server/tls.key"), text);
        let told = catena(folder.path(), ["check", "-c", "conf"]);
        let expected = "tls.key: holds no private key in PEM, or an encrypted one: ";
        assert!(told.err.contains(expected), "{}", told.err);
        // The words of the parser would show the key.
        assert!(told.err.len() < 300, "{}", told.err);
    }
}

#[test]
fn a_secret_that_everybody_may_read_is_noted() {
    let folder = complete();
    let users = folder.path().join("conf/users.txt");
    std::fs::set_permissions(&users, PermissionsExt::from_mode(0o644)).unwrap();
    let note = "conf/users.txt: note: can be read by every user of this host; \
                chmod 600 keeps it secret\n";
    check(
        folder.path(),
        0,
        "configuration can be used: 1 listener, 1 note\n",
        note,
    );
}

#[test]
fn wrong_fields_are_told_with_line_and_column() {
    let folder = tempdir().unwrap();
    let text = LISTENER.replace("tls: {", "tsl: {");
    write(folder.path().join("conf/a.yaml"), &text);
    check(
        folder.path(),
        2,
        "",
        "\
conf/a.yaml:7:26: spec.ports[0].authenticationRef: found \"users\", expected the name of a \
BrokerAuthentication document
conf/a.yaml:8:7: unknown field \"tsl\" in spec.ports[0]; did you mean \"tls\"?
refused: 2 errors
",
    );
}

#[test]
fn a_folder_without_documents_and_a_missing_file_are_refused() {
    let folder = tempdir().unwrap();
    write(folder.path().join("conf/notes.txt"), "");
    let told = check(
        folder.path(),
        2,
        "",
        "\
conf: holds no documents: no file's name ends in .yaml, .yml or .json
refused: 1 error
",
    );
    assert_eq!(told.code, Some(2));
    let told = catena(folder.path(), ["check", "--config", "absent.yaml"]);
    let expected = "absent.yaml: cannot be read: no such file or folder\nrefused: 1 error\n";
    assert_eq!((told.code, &*told.err), (Some(2), expected));
}

#[test]
fn an_open_listener_off_this_host_is_refused_with_a_remedy() {
    let folder = tempdir().unwrap();
    let told = catena(folder.path(), ["check", "--listen", "0.0.0.0:1883"]);
    assert_eq!(told.code, Some(2));
    assert_eq!(
        told.err,
        "\
--listen: 0.0.0.0:1883 can be reached from other hosts and has no authentication: name users with \
--password-file, listen on 127.0.0.1, or let everybody in with --anonymous allowed
refused: 1 error
"
    );
    let open = [
        "check",
        "--listen",
        "0.0.0.0:1883",
        "--anonymous",
        "allowed",
    ];
    assert_eq!(catena(folder.path(), open).code, Some(0));
    write(folder.path().join("users"), "");
    let users = [
        "check",
        "--listen",
        "0.0.0.0:1883",
        "--password-file",
        "users",
    ];
    assert_eq!(catena(folder.path(), users).code, Some(0));
}

#[test]
fn settings_are_shown_with_what_says_them() {
    let folder = tempdir().unwrap();
    let text = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nspec:\n  \
                memoryProfile: Low\n  catena: { workers: 3 }\n";
    write(folder.path().join("b.yaml"), text);
    let mut command = process::command(folder.path());
    command
        .env("CATENA_WORKERS", "4")
        .env("CATENA_PARTITIONS", "16");
    command
        .env("CATENA_LISTEN", "")
        .env("CATENA_SET", "spec.catena.limits.handshakes=9");
    command.args([
        "config",
        "show",
        "-c",
        "b.yaml",
        "--changed",
        "--workers",
        "2",
    ]);
    command.args([
        "--listen",
        "1884",
        "--set",
        "spec.catena.limits.connections=7",
    ]);
    let told = process::run(&mut command);
    assert_eq!((told.code, &*told.err), (Some(0), ""));
    insta::assert_snapshot!("settings", told.out);
}

#[test]
fn settings_are_shown_for_programs() {
    let folder = tempdir().unwrap();
    let told = catena(
        folder.path(),
        ["config", "show", "--changed", "--workers", "2", "--json"],
    );
    let value: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    let expected = serde_json::json!([
        { "path": "Broker.spec.catena.workers", "value": "2", "origin": "--workers" }
    ]);
    assert_eq!(value, expected);
    let yaml = [
        "config",
        "show",
        "--changed",
        "--workers",
        "2",
        "--output",
        "yaml",
    ];
    let expected =
        "- path: \"Broker.spec.catena.workers\"\n  value: \"2\"\n  origin: \"--workers\"\n";
    assert_eq!(catena(folder.path(), yaml).out, expected);
    let told = catena(folder.path(), ["config", "show", "--workers", "0"]);
    assert_eq!((told.code, &*told.out), (Some(2), ""));
    assert!(
        told.err
            .starts_with("--workers: spec.catena.workers: found"),
        "{}",
        told.err
    );
}

/// A folder `conf` with a listener, its certificate and its users.
fn complete() -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    let conf = folder.path().join("conf");
    write(conf.join("listener.yaml"), LISTENER);
    write(conf.join("users.yaml"), AUTHENTICATION);
    // Left out: no document, and hidden.
    write(conf.join("README"), "kind: nothing");
    write(conf.join(".hidden.yaml"), "kind: nothing");
    write(conf.join("users.txt"), &format!("anna:{HASH}\n"));
    std::fs::set_permissions(conf.join("users.txt"), PermissionsExt::from_mode(0o600)).unwrap();
    certificate(&conf.join("secrets/server"));
    folder
}

fn certificate(folder: &Path) {
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    write(folder.join("tls.crt"), &made.cert.pem());
    write(folder.join("tls.key"), &made.signing_key.serialize_pem());
    let key = folder.join("tls.key");
    std::fs::set_permissions(key, PermissionsExt::from_mode(0o600)).unwrap();
}

/// Checks the folder `conf` if there is one.
#[track_caller]
fn check(folder: &Path, code: i32, out: &str, err: &str) -> Told {
    let mut command = process::command(folder);
    command.arg("check");
    if folder.join("conf").exists() {
        command.args(["--config", "conf"]);
    }
    let told = process::run(&mut command);
    assert_eq!((told.code, &*told.out, &*told.err), (Some(code), out, err));
    told
}
