/// An error about a setting. Commands replace the setting's name with that of their option.
package protocol SettingError: Error {
    /// The setting's name, the expected value and the value found; nil if the error is not about a setting.
    var setting: (name: String, expected: String, found: String)? { get }
}
