//! Reading rows of which some may be damaged.

use rusqlite::types::FromSql;
use rusqlite::{Connection, Error, Row};

use super::error::ReadError;
use super::seal::Cell;

/// Every row of a query.
pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> Result<T, ReadError>,
) -> Result<Vec<T>, ReadError> {
    connection.prepare(sql)?.query_and_then([], read)?.collect()
}

/// The rows of a query that `read` could make something of.
pub(super) fn readable_rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> Result<Option<T>, ReadError>,
) -> Result<Vec<T>, ReadError> {
    Ok(rows(connection, sql, read)?.into_iter().flatten().collect())
}

/// A column of which no other value depends; `None` where what is in it was not written by any version of the daemon.
pub(super) fn readable<T: FromSql>(row: &Row<'_>, column: &str) -> Result<Option<T>, ReadError> {
    match row.get(column) {
        Ok(value) => Ok(Some(value)),
        Err(Error::FromSqlConversionFailure(..) | Error::InvalidColumnType(..) | Error::IntegralValueOutOfRange(..)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A value that the store can't do without, and that can't be read.
pub(super) fn unreadable(cell: Cell<'_>) -> ReadError {
    ReadError::Row { table: cell.table, row: cell.row.into(), column: cell.column }
}
