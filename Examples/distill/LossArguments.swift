import ArgumentParser
import Distillation

extension DistillationRecipe: ExpressibleByArgument {
    /// The summary of each recipe, by its name.
    public static var allValueDescriptions: [String: String] {
        Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0.summary) })
    }
}

extension PublishedLoss: ExpressibleByArgument {}
extension TimestepWeight: ExpressibleByArgument {}
