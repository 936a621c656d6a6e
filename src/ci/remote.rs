//! Comparing the addresses of repositories.

/// Whether two addresses lead to one repository: the same path on the same host, whatever the protocol, the user and the port.
///
/// Full names without a host, such as `acme/shop`, are compared with each other. Doubt means no.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (host_and_path(one), host_and_path(other));
    !one.1.is_empty() && one == other
}

fn host_and_path(address: &str) -> (String, &str) {
    let (host, path) = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        // As scp writes it: `user@host:path`.
        None => address.split_once(':').unwrap_or(("", address)),
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let path = path.trim_matches('/');
    (host.to_ascii_lowercase(), path.strip_suffix(".git").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_user_port_and_suffix_make_no_difference() {
        let same = [
            "https://github.com/acme/shop",
            "https://user:secret@github.com/acme/shop.git",
            "git://GitHub.com/acme/shop.git",
            "git@github.com:acme/shop.git",
            "git@github.com:/acme/shop/",
            "ssh://git@github.com:22/acme/shop.git",
        ];
        for one in same {
            for other in same {
                assert!(is_same(one, other), "{one} {other}");
            }
        }
        assert!(is_same("acme/shop", "acme/shop"));
    }

    #[test]
    fn another_host_or_another_path_is_another_repository() {
        for other in [
            "https://github.com/mallory/shop",
            "https://github.example/acme/shop",
            "https://github.com/acme/shop2",
            "https://github.com/x/acme/shop",
            "https://mallory.example/github.com:acme/shop",
            "acme/shop",
            "",
        ] {
            assert!(!is_same("git@github.com:acme/shop.git", other), "{other}");
        }
        assert!(!is_same("", ""));
        assert!(!is_same("https://github.com", "https://github.com/"));
    }
}
