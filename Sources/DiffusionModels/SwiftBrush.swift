/// Information about this package.
public enum SwiftBrush {
    /// The package's version, by semantic versioning.
    public static let version = "0.1.0"
}
