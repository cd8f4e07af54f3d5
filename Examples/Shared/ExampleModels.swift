import Foundation

/// The small models of this repository, the defaults of several options.
public enum ExampleModels {
    /// A file or folder in `Examples/Models` of the checkout that the command was built from.
    public static func url(_ path: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Models/\(path)")
    }
}
