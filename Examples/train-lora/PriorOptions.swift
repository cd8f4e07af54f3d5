import ArgumentParser
import Foundation
import SwiftBrushTeachers

extension PriorTarget: ExpressibleByArgument {}

/// What the model keeps: the prompts of the prior, and how it is kept.
struct PriorOptions: ParsableArguments {
    @Option(help: "A text file of prompts, one per line, whose images the model keeps.") var priorPrompts: URL?
    @Option(help: "Images that a multi-step model generates of them first.")
    var priorPictures = AdapterTrainingSettings().priorPictures
    @Option(help: "The sampling steps of those images.") var priorSteps = AdapterTrainingSettings().priorSteps
    @Option(help: "The guidance scale of those images.")
    var priorGuidanceScale = AdapterTrainingSettings().priorGuidanceScale
    @Option(help: "What a multi-step model learns on them: its own prediction, or the noise, as in DreamBooth.")
    var priorTarget = AdapterTrainingSettings().priorTarget
    @Option(help: "The weight of their loss.") var priorWeight = AdapterTrainingSettings().priorWeight

    func apply(to settings: inout AdapterTrainingSettings) {
        (settings.priorWeight, settings.priorPictures, settings.priorSteps) = (priorWeight, priorPictures, priorSteps)
        (settings.priorGuidanceScale, settings.priorTarget) = (priorGuidanceScale, priorTarget)
    }
}
