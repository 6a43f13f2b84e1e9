//! What is too heavy for a clone and is shared by all of them: the Rust kernel's program, the
//! compiled libraries, and the directories of the kernels that run.

use inorm_core::{Failure, Outcome};
use std::{env, ffi::OsString, path::PathBuf};

/// The user's cache directory for this project: `INORM_CACHE`, else `inorm` in `XDG_CACHE_HOME`,
/// else in `~/.cache`.
pub fn cache() -> Outcome<PathBuf> {
    chosen(env::var_os("INORM_CACHE"), env::var_os("XDG_CACHE_HOME"), env::home_dir())
}

fn chosen(
    named: Option<OsString>,
    xdg: Option<OsString>,
    home: Option<PathBuf>,
) -> Outcome<PathBuf> {
    if let Some(named) = named.filter(|named| !named.is_empty()).map(PathBuf::from) {
        return match named.is_absolute() {
            true => Ok(named),
            false => Err(Failure::new(format!(
                "INORM_CACHE is `{}`; expected a full path, since kernels run in other folders; \
                 give one that begins with /, or unset it",
                named.display()
            ))),
        };
    }
    // The XDG specification ignores a relative path.
    let xdg = xdg.map(PathBuf::from).filter(|path| path.is_absolute());
    xdg.map(|path| path.join("inorm"))
        .or_else(|| home.map(|path| path.join(".cache/inorm")))
        .ok_or_else(|| {
            Failure::new("no home directory; set INORM_CACHE to the full path of a directory with 8 GB of space")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_variables_say() {
        let chosen = |named: &str, xdg: &str, home: Option<&str>| {
            let found = chosen(Some(named.into()), Some(xdg.into()), home.map(PathBuf::from));
            found.map(|path| path.display().to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(chosen("/fast", "/xdg", Some("/home")), Ok("/fast".to_owned()));
        assert_eq!(chosen("", "/xdg", Some("/home")), Ok("/xdg/inorm".to_owned()));
        assert_eq!(chosen("", "xdg", Some("/home")), Ok("/home/.cache/inorm".to_owned()));
        let relative = chosen("fast/", "/xdg", Some("/home")).unwrap_err();
        assert!(relative.starts_with("INORM_CACHE is `fast/`; expected a full path"), "{relative}");
        assert!(chosen("", "", None).unwrap_err().starts_with("no home directory"));
    }
}
