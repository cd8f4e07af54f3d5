import Foundation

/// A loss as a run's configuration records it: its name and its settings.
public struct SavedLoss: Codable, Sendable, Equatable {
    /// The loss's name.
    public let name: String
    /// Its settings, as JSON.
    public let settings: String

    /// Records a loss. Throws what its encoding throws.
    public init(_ loss: any DistillationLoss) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        name = type(of: loss).name
        settings = String(decoding: try encoder.encode(loss), as: UTF8.self)
    }

    /// Decodes the loss.
    ///
    /// - Parameter types: the types of loss to look for; add your own to ``shippedTypes``.
    ///
    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` when none has the name, or the settings cannot be
    /// decoded.
    public func loss(among types: [any DistillationLoss.Type] = SavedLoss.shippedTypes) throws -> any DistillationLoss {
        guard let type = types.first(where: { $0.name == name }) else {
            throw DistillationError.invalidSetting(
                name: "loss", expected: "one of \(types.map { $0.name }.joined(separator: ", "))", found: name)
        }
        do {
            return try JSONDecoder().decode(type, from: Data(settings.utf8))
        } catch {
            throw DistillationError.invalidSetting(
                name: "loss", expected: "settings of \(name)", found: settings)
        }
    }

    /// The losses of this library.
    public static let shippedTypes = ordinaryTypes + regressingFirstStep

    private static let ordinaryTypes: [any DistillationLoss.Type] = [
        ScoreDistillationSampling.self, VariationalScoreDistillation.self, RandomGuidanceDistillation.self,
        DiffInstruct.self, DistributionMatchingDistillation.self, ScoreIdentityDistillation.self,
        ScoreImplicitMatching.self, FDivergenceDistillation.self, LatentConsistency.self, PairRegression.self,
        AdversarialTerm.self, AlignmentTerm.self, DMD.self, DMD2.self, SwiftBrushV2.self, AlignedRandomGuidance.self,
        AlignedImplicitMatching.self,
    ]

    private static let regressingFirstStep: [any DistillationLoss.Type] = [
        FirstStepRegression<ScoreDistillationSampling>.self, FirstStepRegression<VariationalScoreDistillation>.self,
        FirstStepRegression<RandomGuidanceDistillation>.self, FirstStepRegression<DiffInstruct>.self,
        FirstStepRegression<DistributionMatchingDistillation>.self,
        FirstStepRegression<ScoreIdentityDistillation>.self, FirstStepRegression<ScoreImplicitMatching>.self,
        FirstStepRegression<FDivergenceDistillation>.self, FirstStepRegression<DMD2>.self,
        FirstStepRegression<SwiftBrushV2>.self,
    ]
}
