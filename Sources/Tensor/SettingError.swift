/// An error in a setting, whose name a command replaces by that of its option.
package protocol SettingError: Error {
    /// The setting, what it may be, and what it is; nil where the error is no setting's.
    var setting: (name: String, expected: String, found: String)? { get }
}
