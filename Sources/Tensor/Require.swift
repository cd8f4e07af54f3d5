/// Ends the process with `message` unless `condition` holds: for slips in code, which no file, option or other data can cause.
///
/// `precondition` prints its message in debug builds only; this one prints it in release builds too.
@inlinable @inline(__always)
package func require(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    guard _fastPath(condition) else { fatalError(message(), file: file, line: line) }
}
