//! The bearer token, made at the first start: whoever can read the data folder may use the host.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The token's file inside the data folder.
pub const FILE_NAME: &str = "token";
/// Entropy of a token, bytes; it is written as twice as many hexadecimal digits.
const TOKEN_BYTES: usize = 32;
/// A token that somebody wrote by hand must have at least this many characters.
const LEAST_CHARACTERS: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read or make the token {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("others can read the token {}: run `chmod 600` on it, and if they may have, delete it and start again", .0.display())]
    Exposed(PathBuf),
    #[error(
        "the token in {} is unusable: it must be one line of at least {LEAST_CHARACTERS} visible ASCII characters; \
         delete the file for a new one",
        .0.display()
    )]
    Unusable(PathBuf),
    #[error("the system has no entropy for a token: {0}")]
    Entropy(getrandom::Error),
}

/// The token of a data folder; the first call makes folder and token (mode 0600), whole and synced.
pub fn load_or_create(data: &Path) -> Result<String, Error> {
    let path = data.join(FILE_NAME);
    let failed = |error| Error::Io { path: path.clone(), error };
    match load(data) {
        Err(Error::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
        loaded => return loaded,
    }
    std::fs::create_dir_all(data).map_err(failed)?;
    let token = generate()?;
    match write_new(data, &path, &token) {
        Ok(()) => Ok(token),
        // Two hosts that start at once must not each believe in a token of their own.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load(data),
        Err(error) => Err(failed(error)),
    }
}

/// The token of a data folder that has one.
pub fn load(data: &Path) -> Result<String, Error> {
    let path = data.join(FILE_NAME);
    let failed = |error| Error::Io { path: path.clone(), error };
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    let mode = std::fs::metadata(&path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::Exposed(path));
    }
    let token = text.trim();
    if token.len() < LEAST_CHARACTERS || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Unusable(path));
    }
    Ok(token.to_owned())
}

fn generate() -> Result<String, Error> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(Error::Entropy)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The temporary file is made with mode 0600, so nobody else can read it at any moment.
fn write_new(folder: &Path, path: &Path, token: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{token}")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let token = load_or_create(&data).expect("a token");
        assert_eq!(token.len(), 2 * TOKEN_BYTES);
        let mode = std::fs::metadata(data.join(FILE_NAME)).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(load_or_create(&data).expect("the same"), token);
        assert_eq!(load(&data).expect("the same"), token);
        let other = load_or_create(&folder.path().join("other")).expect("another");
        assert_ne!(other, token);
    }

    #[test]
    fn a_token_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        load_or_create(folder.path()).expect("a token");
        let path = folder.path().join(FILE_NAME);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("chmod");
        assert!(matches!(load_or_create(folder.path()), Err(Error::Exposed(_))));
    }

    #[test]
    fn a_cut_token_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        load_or_create(folder.path()).expect("a token");
        std::fs::write(folder.path().join(FILE_NAME), "short\n").expect("write");
        assert!(matches!(load_or_create(folder.path()), Err(Error::Unusable(_))));
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE_NAME)).expect("read"), "short\n");
    }

    #[test]
    fn there_is_no_token_before_the_first_start() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(load(folder.path()), Err(Error::Io { .. })));
    }
}
