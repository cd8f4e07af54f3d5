import ArgumentParser
import Foundation
import SwiftBrushCommands

@testable import SwiftBrushCompareLosses
@testable import SwiftBrushDistill
@testable import SwiftBrushDistillGuidance
@testable import SwiftBrushEvaluate
@testable import SwiftBrushInspect
@testable import SwiftBrushLossContracts
@testable import SwiftBrushNewLoss
@testable import SwiftBrushTextToImage
@testable import SwiftBrushTrainLoRA
@testable import SwiftBrushTrainTeacher
@testable import SwiftBrushVerifyCheckpoint

/// The example executables, by the names of their products.
enum Example: String, CaseIterable {
    case textToImage = "text-to-image"
    case trainTeacher = "train-teacher"
    case trainLoRA = "train-lora"
    case distill
    case distillGuidance = "distill-guidance"
    case inspect
    case verifyCheckpoint = "verify-checkpoint"
    case lossContracts = "loss-contracts"
    case newLoss = "new-loss"
    case compareLosses = "compare-losses"
    case evaluate

    /// The root command.
    var command: any BrushCommand.Type {
        switch self {
        case .textToImage: TextToImage.self
        case .trainTeacher: TrainTeacher.self
        case .trainLoRA: TrainLoRA.self
        case .distill: Distill.self
        case .distillGuidance: DistillGuidance.self
        case .inspect: Inspect.self
        case .verifyCheckpoint: VerifyCheckpoint.self
        case .lossContracts: LossContracts.self
        case .newLoss: NewLoss.self
        case .compareLosses: CompareLosses.self
        case .evaluate: Evaluate.self
        }
    }

    /// The help texts of the command and of its subcommands, as they are printed to a file.
    var help: String {
        func text<Root: ParsableCommand>(of root: Root.Type) -> String {
            let own = root.helpMessage(columns: 80)
            return root.configuration.subcommands.reduce(own) { text, subcommand in
                "\(text)\n\n\(root.helpMessage(for: subcommand, columns: 80))"
            }
        }
        return text(of: command) + "\n"
    }
}
