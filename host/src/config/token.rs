//! The host's secrets, made at the first start: the bearer token (whoever can read the data folder may use the host),
//! and the key that signs the tokens of end users.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The token's file inside the data folder.
pub const FILE_NAME: &str = "token";
/// The key's file inside the data folder.
pub const USER_KEY_FILE: &str = "user-token.key";
/// Entropy of a token or key, bytes; it is written as twice as many hexadecimal digits.
const SECRET_BYTES: usize = 32;
/// A token that somebody wrote by hand must have at least this many characters.
const LEAST_CHARACTERS: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read or make the secret {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("others can read the secret {}: run `chmod 600` on it, and if they may have, delete it and start again", .0.display())]
    Exposed(PathBuf),
    #[error(
        "the token in {} is unusable: it must be one line of at least {LEAST_CHARACTERS} visible ASCII characters; \
         delete the file for a new one",
        .0.display()
    )]
    Unusable(PathBuf),
    #[error(
        "the key in {} is unusable: it must be one line of {} hexadecimal digits; delete the file for a new one: all \
         tokens of end users end with it",
        .0.display(),
        2 * SECRET_BYTES
    )]
    UnusableKey(PathBuf),
    #[error("the system has no entropy for a token: {0}")]
    Entropy(getrandom::Error),
}

/// The token of a data folder; the first call makes folder and token (mode 0600), whole and synced.
pub fn load_or_create(data: &Path) -> Result<String, Error> {
    made_once(data, FILE_NAME)?;
    load(data)
}

/// The token of a data folder that has one.
pub fn load(data: &Path) -> Result<String, Error> {
    let path = data.join(FILE_NAME);
    let token = read(&path)?;
    if token.len() < LEAST_CHARACTERS || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Unusable(path));
    }
    Ok(token)
}

/// The key for the tokens of end users; the first call makes it, as [`load_or_create`] does.
pub fn user_key(data: &Path) -> Result<[u8; SECRET_BYTES], Error> {
    made_once(data, USER_KEY_FILE)?;
    let path = data.join(USER_KEY_FILE);
    bytes(&read(&path)?).ok_or(Error::UnusableKey(path))
}

fn bytes(digits: &str) -> Option<[u8; SECRET_BYTES]> {
    let digits = digits.as_bytes();
    if digits.len() != 2 * SECRET_BYTES {
        return None;
    }
    let mut bytes = [0; SECRET_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(bytes)
}

/// The text of a secret's file that is for its owner only.
fn read(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::Io { path: path.to_owned(), error };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::Exposed(path.to_owned()));
    }
    Ok(text.trim().to_owned())
}

/// Makes the file of a secret unless there is one.
fn made_once(data: &Path, name: &str) -> Result<(), Error> {
    let path = data.join(name);
    let failed = |error| Error::Io { path: path.clone(), error };
    if path.try_exists().map_err(failed)? {
        return Ok(());
    }
    std::fs::create_dir_all(data).map_err(failed)?;
    match write_new(data, &path, &generate()?) {
        // Of two hosts that start at once the second takes what the first has made.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

fn generate() -> Result<String, Error> {
    let mut bytes = [0; SECRET_BYTES];
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
        assert_eq!(token.len(), 2 * SECRET_BYTES);
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
    fn the_key_of_user_tokens_is_made_once_beside_the_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = user_key(folder.path()).expect("a key");
        let path = folder.path().join(USER_KEY_FILE);
        let text = std::fs::read_to_string(&path).expect("the file");
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text.trim(), digits);
        assert_eq!(std::fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
        assert_eq!(user_key(folder.path()).expect("the same"), key);
        assert_ne!(load_or_create(folder.path()).expect("a token"), digits);
        for bad in ["", "7", &"g".repeat(64), &"7".repeat(66)] {
            std::fs::write(&path, bad).expect("write");
            assert!(matches!(user_key(folder.path()), Err(Error::UnusableKey(_))), "{bad}");
        }
        std::fs::write(&path, digits.to_uppercase()).expect("write");
        assert_eq!(user_key(folder.path()).expect("the same"), key);
    }

    #[test]
    fn there_is_no_token_before_the_first_start() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(load(folder.path()), Err(Error::Io { .. })));
    }
}
