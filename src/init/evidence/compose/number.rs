//! Numbers in Compose files: an argument is what Go prints of the value, so that `010` is `8` and `1.10` is `1.1`.

/// What Compose passes on for a plain scalar.
pub(super) fn printed(plain: &str) -> String {
    match plain {
        "true" | "True" | "TRUE" => return "true".to_owned(),
        "false" | "False" | "FALSE" => return "false".to_owned(),
        _ => {}
    }
    if !plain.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return plain.to_owned();
    }
    let digits = plain.replace('_', "");
    integer(&digits).or_else(|| float(&digits)).unwrap_or_else(|| plain.to_owned())
}

fn integer(text: &str) -> Option<String> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = |prefixes: [&str; 2]| prefixes.iter().find_map(|prefix| unsigned.strip_prefix(prefix));
    let (radix, digits) = if let Some(digits) = prefixed(["0x", "0X"]) {
        (16, digits)
    } else if let Some(digits) = prefixed(["0b", "0B"]) {
        (2, digits)
    } else if let Some(digits) = prefixed(["0o", "0O"]) {
        (8, digits)
    } else if unsigned.len() > 1 && unsigned.starts_with('0') {
        (8, &unsigned[1..])
    } else {
        (10, unsigned)
    };
    if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    match is_negative {
        true if value > i64::MIN.unsigned_abs() => None,
        true if value > 0 => Some(format!("-{value}")),
        _ => Some(value.to_string()),
    }
}

fn float(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    // Where Go changes to an exponent.
    if (-4..6).contains(&exponent) {
        return Some(value.to_string());
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(format!("{mantissa}e{sign}{:02}", exponent.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_go_prints_them() {
        for (plain, expected) in [
            ("8080", "8080"),
            ("010", "8"),
            ("08", "8"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("0b11", "3"),
            ("+5", "5"),
            ("-010", "-8"),
            ("-0", "0"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.10", "1.1"),
            ("1.", "1"),
            (".5", "0.5"),
            ("1e3", "1000"),
            ("100000.5", "100000.5"),
            ("1e6", "1e+06"),
            ("1234567.5", "1.2345675e+06"),
            ("0.00001", "1e-05"),
            ("True", "true"),
            // No numbers.
            ("yes", "yes"),
            ("1.2.3", "1.2.3"),
            ("0x", "0x"),
            ("-", "-"),
            ("2024-01-01", "2024-01-01"),
            ("1:20", "1:20"),
            (".inf", ".inf"),
            ("", ""),
        ] {
            assert_eq!(printed(plain), expected, "{plain}");
        }
    }
}
