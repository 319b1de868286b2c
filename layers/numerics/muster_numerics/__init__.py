"""Muster's monitoring statistics: numpy and the standard library, the same code in a Lambda and in a SageMaker job."""
