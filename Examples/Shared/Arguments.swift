import ArgumentParser
import DiffusionModels
import Foundation

extension URL: @retroactive ExpressibleByArgument {
    /// The file URL of a path; nil for an empty one.
    public init?(argument: String) {
        if argument.isEmpty { return nil }
        self.init(filePath: argument)
    }
}

extension PredictionType: ExpressibleByArgument {}

extension WeightType: ExpressibleByArgument {}
