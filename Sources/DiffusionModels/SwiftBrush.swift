/// This package.
public enum SwiftBrush {
    /// Its version, by semantic versioning.
    public static let version = "0.1.0"
}
