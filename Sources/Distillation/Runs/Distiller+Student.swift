import DiffusionModels
import Foundation
import Tensor

extension Distiller {
    /// The averaged student as a complete model: the teacher's tokenizer, text encoder and autoencoder around it.
    ///
    /// - Parameter teacher: the model that the distiller was made from.
    public func studentModel(of teacher: TextToImageModel) -> TextToImageModel {
        var model = teacher
        model.unet = UNet2DConditionModel(teacher.unet.configuration, in: average.parameters.scope)
        model.oneStep = student.step
        return model
    }
}
